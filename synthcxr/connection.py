"""HTTP with patience: one place that retries, and one that turns refusals into errors."""

from __future__ import annotations

import ipaddress
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import httpx

from synthcxr.errors import BadProxy, ProblemError, ServiceUnreachable
from synthcxr.tokens import is_same_service

# A request that fails in one of these ways never reached the service.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

UNKNOWN_HERE = (
    "No token was sent, since none is known for this very address. Set SYNTHCXR_URL to it and "
    "SYNTHCXR_TOKEN or SYNTHCXR_TOKEN_FILE beside it; a token is sent to no other service."
)

MAX_RETRY_AFTER_SECONDS = 30.0


class Connection:
    """Send requests to one service, again where that is safe.

    A request is sent again when it never arrived, when the service answers 429 or 503, and when
    its answer was lost although sending it twice does no harm: everything but a POST without an
    Idempotency-Key.

    Args:
        base_url: Where the service answers.
        token: Returns the token that belongs to the service, asked anew for every request; it is
            sent to no other address.
        timeout_seconds: How long one request may wait for bytes.
        transport: Stands in for the network in tests.
        num_attempts: How often a request is sent before giving up; at least 1.
        sleep: Waits between attempts, in seconds.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: Callable[[], str | None] = lambda: None,
        timeout_seconds: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        num_attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.num_attempts = num_attempts
        self._token = token
        self.sleep = sleep
        try:
            self._http = httpx.Client(
                base_url=self.base_url,
                timeout=httpx.Timeout(timeout_seconds, connect=5.0),
                transport=transport,
                follow_redirects=False,  # a token is for this service alone
                # A proxy named in the environment cannot reach a service on this very machine.
                trust_env=not is_loopback(self.base_url),
            )
        except httpx.InvalidURL as error:
            raise ServiceUnreachable(base_url, str(error)) from error
        except (ImportError, ValueError) as error:  # of a proxy in the environment
            raise BadProxy(_proxy_variables(), _proxy_fault(error)) from error

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Read a resource."""
        return self.send("GET", path, **options)

    def create(self, path: str, **options: Any) -> httpx.Response:
        """POST under a fresh Idempotency-Key, so that a repeated POST creates once."""
        headers = {"Idempotency-Key": str(uuid.uuid4()), **options.pop("headers", {})}
        return self.send("POST", path, headers=headers, **options)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request and read the whole answer.

        Args:
            method: HTTP method.
            path: Path below the base URL.
            options: As for `httpx.Client.build_request`.

        Raises:
            ServiceUnreachable: Nobody answered.
            ProblemError: The service answered with status 400 or above.
        """
        with self.stream(method, path, **options) as response:
            response.read()
            return response

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        """Send a request and hand over the answer before its body is read.

        Raises:
            ServiceUnreachable: Nobody answered.
            ProblemError: The service answered with status 400 or above.
        """
        response = self._send_patiently(method, path, options)
        try:
            if response.status_code >= httpx.codes.BAD_REQUEST:
                response.read()
                raise _problem(response)
            yield response
        except httpx.TransportError as error:
            raise ServiceUnreachable(self.base_url, self._reason(error)) from error
        finally:
            response.close()

    def _send_patiently(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        for attempt in range(1, self.num_attempts + 1):
            last = attempt == self.num_attempts
            # Built anew each time: an upload's file is rewound.
            request = self._request(method, path, options)
            try:
                response = self._http.send(request, stream=True)
            except httpx.TransportError as error:
                if last or not _may_repeat(request, error):
                    raise ServiceUnreachable(self.base_url, self._reason(error)) from error
                self.sleep(_pause_seconds(attempt, None))
                continue
            if last or response.status_code not in {429, 503}:
                return response
            response.close()
            self.sleep(_pause_seconds(attempt, response.headers.get("retry-after")))
        raise AssertionError("the last attempt returns or raises")

    def _reason(self, error: Exception) -> str:
        """Say why nothing came; where the environment names a proxy, it may be the cause."""
        proxies = [] if is_loopback(self.base_url) else _proxy_variables()
        through = f", through the proxy of {' or '.join(proxies)}" if proxies else ""
        return f"{str(error) or type(error).__name__}{through}"

    def _request(self, method: str, path: str, options: dict[str, Any]) -> httpx.Request:
        try:
            request = self._http.build_request(method, path, **options)
        except httpx.InvalidURL as error:
            raise ServiceUnreachable(self.base_url, str(error)) from error
        if is_same_service(str(request.url), self.base_url) and (token := self._token()):
            request.headers["Authorization"] = f"Bearer {token}"
        return request


def _proxy_variables() -> list[str]:
    """Return which variables name a proxy."""
    names = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
    return [name for name in os.environ if name.upper() in names and os.environ[name]]


def _proxy_fault(error: Exception) -> str:
    return "SOCKS needs the package socksio" if isinstance(error, ImportError) else str(error)


def _problem(response: httpx.Response) -> ProblemError:
    """Read a refusal; where no token was sent, say why there may be none."""
    sent = "authorization" in response.request.headers
    if response.status_code == httpx.codes.UNAUTHORIZED and not sent:
        return ProblemError.from_response(response, hint=UNKNOWN_HERE)
    return ProblemError.from_response(response)


def is_loopback(url: str) -> bool:
    """Say whether an address means this machine.

    Raises:
        httpx.InvalidURL: It is no address.
    """
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


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
