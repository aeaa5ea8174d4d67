"""What the client does, written once for threads and for event loops.

A flow is a generator that yields steps (send this, read the next bytes, wait) and is given what
each came to; it touches no network itself. `synthcxr.client.drivers` carries the steps out, with or
without `await`. So retries, paging, resuming and streaming exist once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import httpx
from httpx_sse import ServerSentEvent

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Send:
    """Send a request; comes to the response, its body unread, and closes the one before."""

    request: httpx.Request


@dataclass(frozen=True)
class ReadBody:
    """Read the whole body of the response; comes to None."""


@dataclass(frozen=True)
class NextChunk:
    """Read on in the body; comes to bytes, or None at its end."""


@dataclass(frozen=True)
class NextMessage:
    """Read on in a stream of server-sent events; comes to a message, or None at its end."""


@dataclass(frozen=True)
class Sleep:
    """Wait for so many seconds; comes to None."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Call a function that takes long, such as packing a folder; comes to what it returns."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Emit(Generic[T_co]):
    """Hand over one item of a stream; comes to None."""

    item: T_co


Step: TypeAlias = Send | ReadBody | NextChunk | NextMessage | Sleep | Work
Flow: TypeAlias = Generator[Step, Any, T]  # comes to one T
Stream: TypeAlias = Generator[Step | Emit[T], Any, None]  # hands over many


def sent(request: httpx.Request) -> Flow[httpx.Response]:
    """Send a request; raises httpx.TransportError where nothing came back."""
    response: httpx.Response = yield Send(request)
    return response


def next_chunk() -> Flow[bytes | None]:
    """Read on in the body; raises httpx.TransportError where it broke off."""
    chunk: bytes | None = yield NextChunk()
    return chunk


def next_message() -> Flow[ServerSentEvent | None]:
    """Read on in a stream of events; raises httpx.TransportError where it broke off."""
    message: ServerSentEvent | None = yield NextMessage()
    return message


def work(function: Callable[[], T]) -> Flow[T]:
    """Call a function that takes long, beside the event loop where there is one."""
    result: T = yield Work(function)
    return result


def emitted(flow: Flow[T]) -> Stream[T]:
    """Hand over what a flow comes to, as the one item of a stream."""
    yield Emit((yield from flow))
