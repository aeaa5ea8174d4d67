"""The connection to a DICOMweb server: credentials, limits, retries, and failures by name.

Nothing that a server sends is quoted in a message, nor any address with an identifier in it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx

from service.domain import errors
from service.domain.dicomweb import DicomwebServer

T = TypeVar("T")
Parameters = Sequence[tuple[str, str]]

# it logs every address, and those of searches name patients
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

MAX_JSON_BYTES = 64 * 2**20
PAUSES_SECONDS: Sequence[float] = (0.5, 2.0)  # between two tries
_LONGEST_PAUSE_SECONDS = 30.0  # that a server may ask for
_CONNECT_SECONDS = 10.0
_SILENT_SECONDS = 30.0
_TRANSIENT = {408, 429, 500, 502, 503, 504}
_KEPT = "*?,:/"  # in queries as they are, which the syntax allows: not every server decodes them
_JSON = {"application/dicom+json", "application/json"}


class Missing(Exception):
    """The server does not have, or not give, one thing that it was asked for.

    Args:
        reason: Why, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Connection:
    """Talks to one server.

    Args:
        server: Where it is and what to show it.
        request_seconds: How long one request may take in all.

    Raises:
        DicomwebMisconfigured: A file of the settings cannot be used.
    """

    def __init__(self, server: DicomwebServer, request_seconds: float) -> None:
        self.name = server.name
        self._url = _address(server)
        self._request_seconds = request_seconds
        self._client = httpx.AsyncClient(
            verify=_trusted(server),
            auth=_credentials(server),
            timeout=httpx.Timeout(_SILENT_SECONDS, connect=_CONNECT_SECONDS, pool=None),
            follow_redirects=False,  # credentials and images go to the named address alone
            trust_env=False,
            headers={"User-Agent": "synthcxr", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def search(self, path: str, parameters: Parameters) -> list[Mapping[str, Any]]:
        """Ask a question (QIDO-RS); returns one object of DICOM JSON for each match."""
        answer = await self._tried(lambda: self._searched(path, parameters))
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise self.invalid("its DICOM JSON is no list of objects")
        return answer

    async def retrieve(
        self, path: str, accept: str, receive: Callable[[httpx.Response], Awaitable[T]]
    ) -> T:
        """Ask for something (WADO-RS), and receive it.

        Raises:
            Missing: It is not there.
        """

        async def retrieved() -> T:
            async with self._asked("GET", path, headers={"Accept": accept}) as response:
                if response.status_code in {404, 406, 410}:
                    raise Missing(f"the server answered {response.status_code}")
                self._check(response)
                return await receive(response)

        return await self._tried(retrieved)

    async def store(self, body: bytes, content_type: str) -> Mapping[str, Any]:
        """Send instances (STOW-RS); returns what became of them as DICOM JSON."""

        async def stored() -> Any:
            headers = {"Content-Type": content_type, "Accept": "application/dicom+json"}
            async with self._asked("POST", "/studies", headers=headers, content=body) as response:
                if response.status_code != 409:  # none was stored: the answer says why
                    self._check(response)
                return await self._json(response)

        answer = await self._tried(stored)
        if not isinstance(answer, dict):
            raise self.invalid("its DICOM JSON is no object")
        return answer

    def invalid(self, why: str) -> errors.DicomwebAnswerInvalid:
        """Return the error of an answer that is not as the standard says."""
        return errors.DicomwebAnswerInvalid(
            f"The DICOMweb server {self.name} did not answer as the standard says: {why}. Check "
            "that its `url` in SYNTHCXR_DICOMWEB_SERVERS is the root of its DICOMweb services."
        )

    async def _searched(self, path: str, parameters: Parameters) -> Any:
        headers = {"Accept": "application/dicom+json"}
        query = urlencode(parameters, safe=_KEPT, quote_via=quote)
        async with self._asked("GET", f"{path}?{query}", headers=headers) as response:
            self._check(response)
            return [] if response.status_code == 204 else await self._json(response)

    @asynccontextmanager
    async def _asked(self, method: str, path: str, **request: Any) -> AsyncIterator[httpx.Response]:
        """Send a request; whatever goes wrong within is an error with a name."""
        try:
            async with (
                asyncio.timeout(self._request_seconds),
                self._client.stream(method, self._url + path, **request) as response,
            ):
                yield response
        except TimeoutError:
            raise self._slow() from None
        except httpx.TimeoutException:
            raise self._slow() from None
        except httpx.RequestError as error:
            if _of_tls(error):
                raise errors.DicomwebTlsFailed(
                    f"TLS with the DICOMweb server {self.name} failed: its certificate is not "
                    "trusted, not for its name, or out of date. Let the operator name the "
                    "certificate of its authority as `ca_file` in SYNTHCXR_DICOMWEB_SERVERS."
                ) from None
            raise errors.DicomwebUnreachable(
                f"The DICOMweb server {self.name} cannot be reached, or broke off "
                f"({type(error).__name__}). Check its `url` and the network, then retry the job."
            ) from None

    def _slow(self) -> errors.DicomwebUnreachable:
        return errors.DicomwebUnreachable(
            f"The DICOMweb server {self.name} answered too slowly: a request may take "
            f"{self._request_seconds:g} seconds. Retry the job when it is less busy, or let the "
            "operator raise SYNTHCXR_DICOMWEB_REQUEST_SECONDS."
        )

    def _check(self, response: httpx.Response) -> None:
        """Raise the error that a status stands for."""
        status = response.status_code
        if status in {401, 403}:
            raise errors.DicomwebDenied(
                f"The DICOMweb server {self.name} answered {status}: it does not accept the "
                "credentials that SYNTHCXR_DICOMWEB_SERVERS names, or does not allow them this."
            )
        if response.is_redirect:
            raise errors.DicomwebRedirected(
                f"The DICOMweb server {self.name} redirects ({status}), which is not followed, so "
                "that images and credentials go to the named address alone. Let the operator "
                "write its final address as `url` in SYNTHCXR_DICOMWEB_SERVERS."
            )
        if status in _TRANSIENT:
            raise _Transient(self.name, status, _asked_pause(response))
        if not response.is_success:
            raise self.invalid(f"it answered {status}")

    async def _json(self, response: httpx.Response) -> Any:
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in _JSON:
            raise self.invalid("it sent something else than DICOM JSON")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_JSON_BYTES:
                raise self.invalid(f"an answer has more than {MAX_JSON_BYTES:,} bytes")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise self.invalid("its JSON cannot be read") from None

    async def _tried(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request, and make it again after failures that may pass."""
        for pause in PAUSES_SECONDS:
            try:
                return await request()
            except errors.DicomwebUnreachable as error:
                asked = error.pause_seconds if isinstance(error, _Transient) else 0.0
                await asyncio.sleep(max(pause, asked))
        return await request()


class _Transient(errors.DicomwebUnreachable):
    """The server says that it cannot answer now."""

    def __init__(self, name: str, status: int, pause_seconds: float) -> None:
        super().__init__(
            f"The DICOMweb server {name} answered {status} several times. Look into its log, then "
            "retry the job."
        )
        self.pause_seconds = pause_seconds


def _asked_pause(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return min(float(text), _LONGEST_PAUSE_SECONDS) if text.isdecimal() else 0.0


def _address(server: DicomwebServer) -> str:
    try:
        return str(httpx.URL(server.url))
    except httpx.InvalidURL:
        raise _misconfigured(server, "url") from None


def _trusted(server: DicomwebServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ssl.SSLError):
        raise _misconfigured(server, "ca_file") from None


def _credentials(server: DicomwebServer) -> httpx.Auth | None:
    if server.username is not None and server.password_file is not None:
        password = _secret(server, server.password_file, "password_file")
        return httpx.BasicAuth(server.username, password)
    if server.token_file is not None:
        return _Bearer(_secret(server, server.token_file, "token_file"))
    return None


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers["Authorization"] = self._header
        yield request


def _secret(server: DicomwebServer, path: Path, key: str) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise _misconfigured(server, key) from None
    if not secret or not secret.isprintable():
        raise _misconfigured(server, key)
    return secret


def _misconfigured(server: DicomwebServer, key: str) -> errors.DicomwebMisconfigured:
    return errors.DicomwebMisconfigured(
        f"What `{key}` of the DICOMweb server {server.name} names cannot be used by the worker. "
        "Let the operator correct SYNTHCXR_DICOMWEB_SERVERS or the file that it names; the workers "
        "of cpu.ingest and cpu.push read both."
    )


def _of_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
