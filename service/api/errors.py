"""Errors as HTTP answers (RFC 9457): the only place that knows status codes."""

import errno
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from service.api.disclosure import record_refusal
from service.api.threads import run_writing
from service.api.views.base import ProblemView
from service.domain import errors
from service.domain.errors import FieldError, Problem, SyntheticDataError
from service.validation.bodies import pointer

_log = structlog.get_logger()

# refusals that the audit log records, besides every 401 and 403
_RECORDED = (
    errors.SetRefused,
    errors.SetInconclusive,
    errors.WeightsNotCleared,
    errors.FindingsSpent,
    errors.PreviewsSpent,
    errors.ApprovalMissing,
    errors.AlreadyApproved,
)

# what can go wrong when a stored file is read
READING = (errors.ArtifactMissing, errors.ArtifactsUnavailable, errors.StorageFull)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "5"

# of a body with a fault in every field, or with endless names, the first are enough
_MOST_FIELDS = 50
_LONGEST_POINTER = 500

STATUS: dict[type[SyntheticDataError], int] = {
    SyntheticDataError: 500,
    errors.InvalidRequest: 422,
    errors.PathNotAllowed: 403,
    errors.DicomwebNotAllowed: 403,
    errors.Unauthenticated: 401,
    errors.ScopeMissing: 403,
    errors.QuotaExceeded: 429,
    errors.RateLimited: 429,
    errors.UploadTooLarge: 413,
    errors.HostNotAllowed: 421,
    errors.OriginNotAllowed: 403,
    errors.TooManyStreams: 429,
    errors.Overloaded: 503,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.StorageFull: 507,
    errors.ArtifactsUnavailable: 503,
    errors.RecordsUnavailable: 503,
    errors.ExtractorUnavailable: 503,
    errors.IdentityProviderUnavailable: 503,
}

# What goes wrong before a request reaches our own code.
HTTP_CODES = {
    400: "malformed_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "upload_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    431: "headers_too_large",
}


def status_of(error: type[SyntheticDataError]) -> int:
    """Return the status of an error: its own, or that of the nearest branch above it."""
    return next(STATUS[branch] for branch in error.__mro__ if branch in STATUS)


def http_problem(status: int, detail: str | None = None) -> Problem:
    """Put a failure of the protocol into our words."""
    code = HTTP_CODES.get(status, "internal_error" if status >= 500 else "malformed_request")
    return Problem(code, detail or HTTPStatus(status).description or HTTPStatus(status).phrase)


def documented(*kinds: type[SyntheticDataError], http: Iterable[int] = ()) -> dict[int | str, Any]:
    """Describe an operation's errors for openapi.yaml, and those that every operation has.

    Args:
        kinds: The errors it raises.
        http: Statuses of the protocol it can answer besides.
    """
    common = (errors.InvalidRequest, errors.RateLimited, errors.RecordsUnavailable)
    return problems(*kinds, *common, http=http)


def problems(*kinds: type[SyntheticDataError], http: Iterable[int] = ()) -> dict[int | str, Any]:
    """Describe errors for openapi.yaml, and no others."""
    codes: dict[int, list[str]] = {status: [HTTP_CODES[status]] for status in http}
    kind: type[SyntheticDataError]
    for kind in kinds:
        codes.setdefault(status_of(kind), []).append(kind.code)
    content: dict[str, Any] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemView"}}}
    return {
        status: {"description": ", ".join(dict.fromkeys(codes[status])), "content": content}
        for status in sorted(codes)
    }


def add_handlers(app: FastAPI) -> None:
    """Answer every error of an app as a problem."""
    app.add_exception_handler(SyntheticDataError, on_our_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(OSError, _on_system_error)
    app.add_exception_handler(Exception, _on_bug)


def _answer(request: Request, problem: Problem, status: int, **headers: str) -> JSONResponse:
    view = ProblemView.of(problem, status, getattr(request.state, "request_id", None))
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers.setdefault("Retry-After", RETRY_AFTER_SECONDS)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(view.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


async def on_our_error(request: Request, error: Exception) -> JSONResponse:
    """Answer with the problem and the status of an error of ours."""
    assert isinstance(error, SyntheticDataError)
    status = status_of(type(error))
    level = logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    _log.log(level, "refused", code=error.code, status=status)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or isinstance(error, _RECORDED):
        await run_writing(record_refusal, request, error.code)
    headers = {}
    if isinstance(error, errors.RateLimited):
        headers["Retry-After"] = str(error.retry_after_seconds)
    return _answer(request, error.problem(), status, **headers)


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = tuple(_field(found) for found in error.errors()[:_MOST_FIELDS])
    invalid = errors.InvalidRequest(
        "The request is not as described in openapi.yaml.", fields=fields
    )
    return _answer(request, invalid.problem(), status_of(errors.InvalidRequest))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    problem = http_problem(error.status_code, str(error.detail))
    return _answer(request, problem, error.status_code, **dict(error.headers or {}))


async def _on_disconnect(request: Request, error: Exception) -> JSONResponse:
    """End a request whose client hung up; nobody reads the answer."""
    return _answer(request, http_problem(400, str(error)), 400)


async def _on_system_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        refused = errors.Overloaded("No further file can be opened. Send the request again later.")
        return await on_our_error(request, refused)
    return await _on_bug(request, error)


async def _on_bug(request: Request, error: Exception) -> JSONResponse:
    _log.error("bug", exc_info=error)
    message = "The service failed in a way it does not know. Report the request_id."
    return _answer(request, Problem("internal_error", message), 500)


def _field(found: dict[str, Any]) -> FieldError:
    """Point at what was invalid: into the body, or at `/query/...`, `/header/...`, `/path/...`."""
    place, *parts = found["loc"]
    if found["type"] == "json_invalid":
        return FieldError("", "The body is not JSON.")
    where = pointer(*parts if place == "body" else (place, *parts))
    return FieldError(_printable(where)[:_LONGEST_POINTER], _printable(found["msg"]))


def _printable(text: str) -> str:
    """Make any string printable as UTF-8; JSON may smuggle lone surrogates in."""
    return text.encode("utf-8", "backslashreplace").decode()
