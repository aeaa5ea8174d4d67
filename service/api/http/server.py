"""The HTTP server: uvicorn, with limits on what a connection may do before it is a request.

A connection has a few seconds for the head of a request, whose size is limited. Of more connections
than may be open, the one that has been idle for longest makes room for the next; where none is
idle, the next is refused. What cannot be parsed is answered by a problem like any other error.
"""

import resource
import uuid
from asyncio import AbstractEventLoop, BaseTransport, Protocol, TimerHandle
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.errors import MEDIA_TYPE, RETRY_AFTER_SECONDS, http_problem, status_of
from service.api.http.security_headers import secure
from service.api.views.base import ProblemView
from service.domain.errors import Overloaded, Problem
from service.settings import Settings

HEAD_SECONDS = 10.0  # from the start of a connection, or the end of a request, to a whole head
LINGER_SECONDS = 5.0  # for the rest of a body that was answered before it was read
UNREAD_SECONDS = 60.0  # for a client to read on in an answer
MAX_HEAD_BYTES = 64 * 1024

_SPARE_FILES = 256  # for the database, artifacts, uploads and the broker


def server_config(app: FastAPI, settings: Settings, **options: Any) -> uvicorn.Config:
    """Configure the server of an app.

    Args:
        app: From `create_app`.
        settings: Its address and limits.
        options: Of `uvicorn.Config`; they override what is set here.
    """
    max_connections = max(1, min(settings.max_connections, max_open_files() - _SPARE_FILES))
    chosen: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "http": limited(max_connections),
        "ws": "none",
        "server_header": False,
        "access_log": False,  # ours names routes, not what clients typed
        "log_level": "error",  # what it warns of is a client's fault, and answered
        "timeout_graceful_shutdown": 5,  # a stream would otherwise never end
    }
    return uvicorn.Config(app, **(chosen | options))


def max_open_files() -> int:
    """Let this process open as many files as it may, and return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def limited(max_connections: int) -> type[Protocol]:
    """Make the protocol of one server, which holds at most so many connections."""
    of_server = {"max_connections": max_connections, "idle": {}}
    return type("LimitedProtocol", (HttpProtocol,), of_server)


class HttpProtocol(HttpToolsProtocol):
    """One connection; a deadline runs whenever no request is being answered.

    Attributes:
        max_connections: Of its server.
        idle: Its server's connections without a request, the longest idle first.
    """

    max_connections: ClassVar[int]
    idle: ClassVar[dict["HttpProtocol", None]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._to_speak = Deadline(self.loop)
        self._to_read = Deadline(self.loop)
        self._in_head = True  # between two requests, or within the head of one
        self._num_bytes = 0  # received since then, or since the last byte of a body
        self._head_too_large = False
        self._refused = False

    @override
    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > self.max_connections:
            longest_idle = next(iter(self.idle), None)
            if longest_idle is None:
                refused = Overloaded("Every connection is in use. Send the request again later.")
                self._refuse(refused.problem(), status_of(Overloaded))
                return
            del self.idle[longest_idle]
            longest_idle.transport.abort()
        self._wait_for_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._to_speak.stop()
        self._to_read.stop()
        self.idle.pop(self, None)
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._refused:
            return  # until the client has read why
        self._num_bytes += len(data)
        super().data_received(data)
        if self._num_bytes <= MAX_HEAD_BYTES:
            return
        if self._in_head:
            self._head_too_large = True
            self.send_400_response("")
        else:  # chunk extensions or trailers without end
            self._refused = True
            self.transport.abort()

    @override
    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            self._head_too_large = True
            raise ValueError("the parser stops here")
        self._in_head = False
        self._num_bytes = 0
        self._to_speak.stop()
        self.idle.pop(self, None)
        super().on_headers_complete()
        if self.parser.should_upgrade():  # what follows would be of a protocol unknown here
            self.cycle.keep_alive = False

    @override
    def on_body(self, body: bytes) -> None:
        self._num_bytes = 0
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True
        self._num_bytes = 0
        if self.cycle.response_complete:
            self._wait_for_head()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() or not self.cycle.response_complete:
            return
        if self._in_head:
            self._wait_for_head()
        else:
            self._to_speak.start(LINGER_SECONDS, self.transport.close)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._to_read.start(UNREAD_SECONDS, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._to_read.stop()

    @override
    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed."""
        if self._head_too_large:
            detail = f"The request line and headers may take {MAX_HEAD_BYTES} bytes together."
            self._refuse(http_problem(431, detail), 431)
        else:
            self._refuse(http_problem(400, "This is not HTTP/1.1 as RFC 9112 defines it."), 400)

    def _wait_for_head(self) -> None:
        self.idle.pop(self, None)
        self.idle[self] = None
        self._to_speak.start(HEAD_SECONDS, self._give_up_waiting)

    def _give_up_waiting(self) -> None:
        if self._num_bytes:
            detail = f"The head of a request must arrive within {HEAD_SECONDS:.0f} seconds."
            self._refuse(http_problem(408, detail), 408)
        else:
            self.transport.close()

    def _refuse(self, problem: Problem, status: int) -> None:
        """Answer with a problem, and close the connection when it was read."""
        if self._refused:
            return
        self._refused = True
        cycle = self.cycle
        if self.pipeline:  # answers to others are due first
            self.transport.abort()
            return
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started or not cycle.more_body:
                cycle.keep_alive = False  # the answer under way is the last one
                self.flow.pause_reading()
                return
            cycle.disconnected = True  # its body ends here: what was received of it is discarded
            cycle.message_event.set()
        self.transport.write(_raw_answer(problem, status))
        self.transport.write_eof()
        self._to_speak.start(LINGER_SECONDS, self.transport.close)


class Deadline:
    """Calls a function unless it is stopped or started again in time."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: TimerHandle | None = None

    def start(self, seconds: float, on_end: Callable[[], None]) -> None:
        """Start, from now on."""
        self.stop()
        self._timer = self._loop.call_later(seconds, on_end)

    def stop(self) -> None:
        """Stop; harmless when it does not run."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _raw_answer(problem: Problem, status: int) -> bytes:
    request_id = uuid.uuid4().hex
    body = ProblemView.of(problem, status, request_id).model_dump_json().encode()
    headers = MutableHeaders(
        {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "X-Request-ID": request_id,
            "Connection": "close",
        }
    )
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = RETRY_AFTER_SECONDS
    secure(headers)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in headers.raw]
    return b"\r\n".join([*lines, b"", body])
