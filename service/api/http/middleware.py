"""What happens around every request: an id, a log line, and problems in one form."""

import re
import time
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPMethod, HTTPStatus
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import tracing
from service.api.errors import MEDIA_TYPE, http_problem
from service.api.http.security_headers import secure
from service.api.views.base import ProblemView

_log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset(HTTPMethod)
_QUIET = {"/healthz", "/metrics", "/readyz"}


class RequestMiddleware:
    """Name each request, log it, secure its answer, and turn plain-text errors into problems.

    The framework answers an oversized body and an unsatisfiable Range in plain text, past the
    exception handlers; here they get the form of all other errors. It also raises a bug again that
    it has answered, which would cut the connection; here it ends, unless the answer is incomplete.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers_given = Headers(scope=scope)
        given = headers_given.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        replaced = complete = False

        async def send_named(message: Message) -> None:
            nonlocal status, replaced, complete
            complete = not message.get("more_body", message["type"] == "http.response.start")
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = _added_to(message["headers"], scope["state"])
                content_type = headers.get("content-type", "")
                replaced = status >= HTTPStatus.BAD_REQUEST and content_type.startswith("text/")
                message = {**message, "headers": headers.raw}
                if replaced:
                    await _send_problem(send, status, headers, request_id)
                    return
            if not replaced:
                await send(message)

        started = time.perf_counter()
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            tracing.span("request", headers_given.get("traceparent")) as span,
        ):
            try:
                await self._app(scope, receive, send_named)
            except Exception:  # which add_handlers logged
                if not complete:
                    raise
            finally:
                span.update_name(" ".join(operation_of(scope)))
                span.set_attribute("http.response.status_code", status)
                if scope["path"] not in _QUIET:
                    self._log_request(scope, status, time.perf_counter() - started)

    def _log_request(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = operation_of(scope)
        _log.info(
            "request",
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def operation_of(scope: Scope) -> tuple[str, str]:
    """Name a request's method and the template of its route: nothing that a client typed."""
    method = scope["method"] if scope["method"] in _METHODS else "other"
    return method, getattr(scope.get("route"), "path", "unknown")


def _added_to(raw: Iterable[tuple[bytes, bytes]], state: Mapping[str, Any]) -> MutableHeaders:
    """Add to an answer's headers what every answer carries."""
    headers = MutableHeaders(raw=list(raw))
    headers["X-Request-ID"] = state["request_id"]
    if allowance := state.get("allowance"):
        headers.update(allowance.headers)
    secure(headers)
    return headers


async def _send_problem(send: Send, status: int, headers: MutableHeaders, request_id: str) -> None:
    view = ProblemView.of(http_problem(status), status, request_id)
    body = view.model_dump_json().encode()
    for stale in ("etag", "last-modified", "content-disposition", "cache-control"):
        del headers[stale]
    headers["content-type"] = MEDIA_TYPE
    headers["content-length"] = str(len(body))
    await send({"type": "http.response.start", "status": status, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})
