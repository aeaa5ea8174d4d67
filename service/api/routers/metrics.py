"""What Prometheus reads: the figures of the records at the time of the scrape, and our requests.

Labels are words of this service alone: kinds, states, queues, codes and route templates. None
comes from a client, and none names a tenant or a record.
"""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from service.api.authorization import GuardedRoute
from service.api.errors import documented
from service.api.http.middleware import operation_of
from service.context import AppContext
from service.domain import statistics
from service.domain.errors import RecordsUnavailable, ScopeMissing
from service.domain.job import JobKind, JobState
from service.domain.statistics import Statistics

router = APIRouter(tags=["health"], route_class=GuardedRoute)

_KIND_OF_QUEUE = {kind.queue: str(kind) for kind in JobKind}
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)

_COUNTS = {
    statistics.WORKER_SECONDS: (
        "synthcxr_worker_seconds",
        "Seconds for which attempts held a worker, and so its GPU where it has one.",
        ("kind",),
    ),
    statistics.LEASES_LOST: (
        "synthcxr_leases_lost",
        "Attempts whose worker was given up for dead.",
        ("kind",),
    ),
    statistics.FAILURES: (
        "synthcxr_job_failures",
        "Jobs that failed, by the code of their error.",
        ("kind", "code"),
    ),
    statistics.VERDICTS: (
        "synthcxr_verdicts",
        "Examined sets, by verdict and the code of its first reason.",
        ("outcome", "code"),
    ),
}


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={
        **documented(ScopeMissing),
        200: {
            "content": {
                CONTENT_TYPE_PLAIN_0_0_4: {
                    "schema": {"type": "string"},
                    "example": 'synthcxr_jobs{kind="train",state="queued"} 2.0\n',
                }
            }
        },
    },
)
def metrics(request: Request) -> Response:
    """Read the metrics of the service, in the text format of Prometheus; needs `metrics:read`.

    A database that is away is a metric too: `synthcxr_database_up` is 0, and what would be read
    from it is absent.
    """
    registry = cast("CollectorRegistry", request.app.state.metrics)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class ServiceCollector(Collector):
    """Reads the figures anew at every scrape.

    Args:
        context: Whose records.
        data_dir: Of whose disk the free space is measured.
    """

    def __init__(self, context: AppContext, data_dir: Path) -> None:
        self._context = context
        self._data_dir = data_dir

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand, so that to register it does not ask the database."""
        return ()

    @override
    def collect(self) -> Iterator[Metric]:
        yield _gauge("synthcxr_build", "This version.", ("version",), {(self._context.version,): 1})
        if self._data_dir.exists():
            free = shutil.disk_usage(self._data_dir).free
            help_text = "Free space where the data directory lies."
            yield _gauge("synthcxr_disk_free_bytes", help_text, (), {(): free})
        try:
            found = self._context.records.statistics.read()
        except RecordsUnavailable:
            found = None
        help_text = "Whether the database answers."
        yield _gauge("synthcxr_database_up", help_text, (), {(): float(found is not None)})
        if found:
            yield from _of_records(found)


def _of_records(found: Statistics) -> Iterator[Metric]:
    every = {
        (_KIND_OF_QUEUE[queue], str(state)): 0 for queue in _KIND_OF_QUEUE for state in JobState
    }
    jobs = {(_KIND_OF_QUEUE[queue], state): number for (queue, state), number in found.jobs.items()}
    yield _gauge("synthcxr_jobs", "Jobs.", ("kind", "state"), every | jobs)
    waited = {(queue,): found.oldest_queued_seconds.get(queue, 0) for queue in _KIND_OF_QUEUE}
    help_text = "How long the job that waits longest has waited."
    yield _gauge("synthcxr_queue_oldest_seconds", help_text, ("queue",), waited)
    records = {(kind,): number for kind, number in found.records.items()}
    yield _gauge("synthcxr_records", "Records of each type.", ("type",), records)
    for name, (metric, help_text, labels) in _COUNTS.items():
        family = CounterMetricFamily(metric, help_text, labels=labels)
        for (counted, *values), number in found.counts.items():
            if counted == name:
                family.add_metric(values, number)
        yield family


def _gauge(
    name: str, help_text: str, labels: tuple[str, ...], samples: Mapping[Any, float]
) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for values, number in samples.items():
        family.add_metric(values, number)
    return family


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
