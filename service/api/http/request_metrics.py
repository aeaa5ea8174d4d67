"""Counts and times of requests, by the template of their route: nothing that a client typed."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.middleware import operation_of

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class RequestMetrics:
    """Counts and times the requests of this process; an app around another.

    Args:
        app: The app within.
        registry: Where the metrics are registered.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        labels = ("method", "route")
        self._answers = Counter(
            "synthcxr_http_requests",
            "Requests answered by this process.",
            (*labels, "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "synthcxr_http_response_start_seconds",
            "Time until the answer begins; streams and long polls may go on.",
            labels,
            buckets=_BUCKETS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def send_measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                labels = operation_of(scope)
                self._answers.labels(*labels, str(message["status"])).inc()
                self._seconds.labels(*labels).observe(time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, send_measured)
