"""Carry out flows: `Driver` in the caller's thread, `AsyncDriver` on its event loop."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, closing
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import httpx
from httpx_sse import EventSource, ServerSentEvent

from synthcxr.client.flow import (
    Emit,
    Flow,
    NextChunk,
    NextMessage,
    ReadBody,
    Send,
    Sleep,
    Step,
    Stream,
    Work,
    emitted,
)

T = TypeVar("T")


class Driver:
    """Carry out flows in the caller's thread.

    Args:
        http: Sends the requests.
        sleep: Waits, in seconds.
    """

    def __init__(self, http: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._http = http
        self._sleep = sleep

    def run(self, flow: Flow[T]) -> T:
        """Return what a flow comes to, or raise what it raises."""
        with closing(self.iterate(emitted(flow))) as items:
            return next(items)

    def iterate(self, stream: Stream[T]) -> Generator[T]:
        """Yield the items of a stream."""
        body = _Body()
        try:
            step = next(stream)
            while True:
                if isinstance(step, Emit):
                    yield step.item
                    step = stream.send(None)
                    continue
                try:
                    outcome = self._carry_out(step, body)
                except Exception as error:  # noqa: BLE001, RUF100 - the flow decides what becomes of it
                    step = stream.throw(error)
                else:
                    step = stream.send(outcome)
        except StopIteration:
            return
        finally:
            stream.close()
            body.close()

    def _carry_out(self, step: Step, body: _Body) -> Any:
        match step:
            case Send(request):
                body.close()
                body.response = self._http.send(request, stream=True)
                return body.response
            case ReadBody():
                body.response.read()
                return None
            case NextChunk():
                return body.next_chunk()
            case NextMessage():
                return body.next_message()
            case Sleep(seconds):
                self._sleep(seconds)
                return None
            case Work(function):
                return function()


class AsyncDriver:
    """Carry out flows on the event loop, of asyncio or trio.

    Args:
        http: Sends the requests.
        sleep: Waits, in seconds.
    """

    def __init__(
        self, http: httpx.AsyncClient, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    ) -> None:
        self._http = http
        self._sleep = sleep

    async def run(self, flow: Flow[T]) -> T:
        """Return what a flow comes to, or raise what it raises."""
        async with aclosing(self.iterate(emitted(flow))) as items:
            return await anext(items)

    async def iterate(self, stream: Stream[T]) -> AsyncGenerator[T]:
        """Yield the items of a stream."""
        body = _AsyncBody()
        try:
            step = next(stream)
            while True:
                if isinstance(step, Emit):
                    yield step.item
                    step = stream.send(None)
                    continue
                try:
                    outcome = await self._carry_out(step, body)
                except Exception as error:  # noqa: BLE001, RUF100 - the flow decides what becomes of it
                    step = stream.throw(error)
                else:
                    step = stream.send(outcome)
        except StopIteration:
            return
        finally:
            stream.close()
            with anyio.CancelScope(shield=True):
                await body.close()

    async def _carry_out(self, step: Step, body: _AsyncBody) -> Any:
        match step:
            case Send(request):
                await body.close()
                body.response = await self._http.send(request, stream=True)
                return body.response
            case ReadBody():
                await body.response.aread()
                return None
            case NextChunk():
                return await body.next_chunk()
            case NextMessage():
                return await body.next_message()
            case Sleep(seconds):
                await self._sleep(seconds)
                return None
            case Work(function):
                return await anyio.to_thread.run_sync(function)


class _Body:
    """The response that is being read."""

    def __init__(self) -> None:
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] | None = None
        self._messages: Iterator[ServerSentEvent] | None = None

    @property
    def response(self) -> httpx.Response:
        assert self._response is not None, "a flow sends before it reads"  # noqa: S101 - our own invariant
        return self._response

    @response.setter
    def response(self, response: httpx.Response) -> None:
        self._response, self._chunks, self._messages = response, None, None

    def next_chunk(self) -> bytes | None:
        self._chunks = self._chunks or self.response.iter_bytes()
        return next(self._chunks, None)

    def next_message(self) -> ServerSentEvent | None:
        self._messages = self._messages or EventSource(self.response).iter_sse()
        return next(self._messages, None)

    def close(self) -> None:
        if self._response:
            self._response.close()


class _AsyncBody:
    """The response that is being read."""

    def __init__(self) -> None:
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._messages: AsyncIterator[ServerSentEvent] | None = None

    @property
    def response(self) -> httpx.Response:
        assert self._response is not None, "a flow sends before it reads"  # noqa: S101 - our own invariant
        return self._response

    @response.setter
    def response(self, response: httpx.Response) -> None:
        self._response, self._chunks, self._messages = response, None, None

    async def next_chunk(self) -> bytes | None:
        self._chunks = self._chunks or self.response.aiter_bytes()
        return await anext(self._chunks, None)

    async def next_message(self) -> ServerSentEvent | None:
        self._messages = self._messages or EventSource(self.response).aiter_sse()
        return await anext(self._messages, None)

    async def close(self) -> None:
        if self._response:
            await self._response.aclose()
