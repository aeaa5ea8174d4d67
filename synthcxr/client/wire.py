"""One service: where calls go, what goes with them, what is sent again, and what answers mean."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from synthcxr.addresses import is_loopback
from synthcxr.client.flow import Emit, Flow, ReadBody, Sleep, Stream, sent
from synthcxr.errors import ProblemError, ServiceUnreachable
from synthcxr.resources import Page, View

# A request that fails in one of these ways never reached the service.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# What a service or a proxy answers that is busy, or is being started.
BUSY = {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}

UNKNOWN_HERE = (
    "No token was sent, since none is known for this very address. Set SYNTHCXR_URL to it and "
    "SYNTHCXR_TOKEN or SYNTHCXR_TOKEN_FILE beside it; a token is sent to no other service."
)

MAX_RETRY_AFTER_SECONDS = 30.0

AnyView = TypeVar("AnyView", bound=View)


@dataclass(frozen=True)
class Call:
    """One request to the service.

    Attributes:
        method: HTTP method.
        path: Path below the service's address, as `path_of` writes it.
        params: The query; what is None is left out.
        json: The body; fields that are None are left to the service.
        form: Fields of a multipart upload, beside `files`.
        files: Files of a multipart upload, as httpx takes them.
        headers: Sent besides those of the client.
    """

    method: str
    path: str
    params: Mapping[str, object] = field(default_factory=dict)
    json: Mapping[str, object] | None = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def path_of(*parts: str) -> str:
    """Write a path of identifiers and names, none of which can reach out of its place."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def get(*parts: str, **params: object) -> Call:
    """Describe the reading of a resource."""
    return Call("GET", path_of(*parts), params)


def create(*parts: str, json: Mapping[str, object] | None = None) -> Call:
    """Describe a POST under a key of its own, so that it creates once however often it is sent."""
    return Call("POST", path_of(*parts), json=json, headers=idempotency_key())


def idempotency_key() -> dict[str, str]:
    """Return the header that makes a POST one and the same, however often it is sent."""
    return {"Idempotency-Key": str(uuid.uuid4())}


@dataclass(frozen=True)
class Wire:
    """A service as calls reach it.

    Attributes:
        http: Builds the requests; whoever sends them, sends them through it.
        base_url: Where the service answers.
        token: Returns the token that belongs to the service, asked anew for every request.
        num_attempts: How often a request is sent before giving up; at least 1.
    """

    http: httpx.Client | httpx.AsyncClient
    base_url: str
    token: Callable[[], str | None] = lambda: None
    num_attempts: int = 4

    def request(self, call: Call) -> httpx.Request:
        """Build a request, with the token.

        Raises:
            ServiceUnreachable: The address is none.
        """
        assert call.path.startswith("/"), "the token is for this service alone"  # noqa: S101 - our own invariant
        try:
            request = self.http.build_request(
                call.method,
                call.path,
                params=given(call.params) or None,
                json=None if call.json is None else given(call.json),
                data=call.form,
                files=call.files,
                headers=call.headers,
            )
        except httpx.InvalidURL as error:
            raise ServiceUnreachable(self.base_url, str(error)) from error
        if token := self.token():
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    def unreachable(self, error: Exception) -> ServiceUnreachable:
        """Say why nothing came; where the environment names a proxy, it may be the cause."""
        proxies = [] if is_loopback(self.base_url) else proxy_variables()
        through = f", through the proxy of {' or '.join(proxies)}" if proxies else ""
        return ServiceUnreachable(self.base_url, f"{str(error) or type(error).__name__}{through}")


def send(wire: Wire, call: Call, *, whole: bool = True) -> Flow[httpx.Response]:
    """Send a call, again where that is safe.

    It is sent again when it never arrived, when the service answers 429 or 503, and when its answer
    was lost although sending it twice does no harm: everything but a POST without an
    Idempotency-Key, which stays the same over all attempts.

    Args:
        wire: The service.
        call: What to send.
        whole: Whether to read the body too; otherwise it is left to be read on.

    Raises:
        ServiceUnreachable: Nobody answered.
        ProblemError: The service answered with status 400 or above.
    """
    attempt = 1
    while True:
        last = attempt == wire.num_attempts
        request = wire.request(call)  # built anew each time: an upload's file is rewound
        try:
            response = yield from sent(request)
            retry_after = response.headers.get("retry-after")
            repeat = response.status_code in BUSY and not last
            if not repeat:
                if whole or response.status_code >= httpx.codes.BAD_REQUEST:
                    yield ReadBody()
                break
        except httpx.TransportError as error:
            if last or not _may_repeat(request, error):
                raise wire.unreachable(error) from error
            retry_after = None
        yield Sleep(_pause_seconds(attempt, retry_after))
        attempt += 1
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise _problem(response)
    return response


def read(wire: Wire, view: type[AnyView], call: Call) -> Flow[AnyView]:
    """Send a call and read its answer as a resource; raises as `send` does."""
    response = yield from send(wire, call)
    return parsed(wire, view, response)


def pages(wire: Wire, view: type[AnyView], call: Call) -> Stream[AnyView]:
    """Hand over the resources of a list, page after page; raises as `send` does."""
    cursor: str | None = None
    while True:
        params = {**call.params, "cursor": cursor or call.params.get("cursor")}
        page = yield from read(wire, Page, Call(call.method, call.path, params))
        for item in page.items:
            yield Emit(view.model_validate(item))
        cursor = page.next_cursor
        if cursor is None:
            return


def parsed(wire: Wire, view: type[AnyView], response: httpx.Response) -> AnyView:
    """Read an answer as a resource.

    Raises:
        ServiceUnreachable: It is none: something else answers there.
    """
    try:
        return view.model_validate_json(response.content)
    except ValueError as error:
        raise ServiceUnreachable(
            wire.base_url, "what answers there does not speak this client's language"
        ) from error


def proxy_variables() -> list[str]:
    """Return which variables name a proxy."""
    names = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
    return [name for name in os.environ if name.upper() in names and os.environ[name]]


def given(values: Mapping[str, object]) -> dict[str, Any]:
    """Leave out what was not given, so that the service's own defaults apply."""
    return {key: value for key, value in values.items() if value is not None}


def _problem(response: httpx.Response) -> ProblemError:
    """Read a refusal; where no token was sent, say why there may be none."""
    sent_token = "authorization" in response.request.headers
    if response.status_code == httpx.codes.UNAUTHORIZED and not sent_token:
        return ProblemError.from_response(response, hint=UNKNOWN_HERE)
    return ProblemError.from_response(response)


def _may_repeat(request: httpx.Request, error: httpx.TransportError) -> bool:
    if isinstance(error, httpx.UnsupportedProtocol):
        return False
    if isinstance(error, NEVER_SENT):
        return True
    return request.method != "POST" or "idempotency-key" in request.headers


def _pause_seconds(attempt: int, retry_after: str | None) -> float:
    """Return how long to wait after a failed attempt: what was asked for, or 0.2, 0.4, 0.8 s."""
    try:
        asked = float(retry_after or "")
    except ValueError:
        return 0.1 * 2.0**attempt
    return min(max(asked, 0.0), MAX_RETRY_AFTER_SECONDS)
