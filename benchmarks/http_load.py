"""A light HTTP load generator: keep-alive connections that each send the next request at once.

Run as a process of its own, so that it does not share an interpreter with what it measures: it
reads an `Order` as JSON on standard input and writes the `Outcome` as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import uvloop


@dataclass(frozen=True)
class Order:
    """What to send.

    Attributes:
        port: Of 127.0.0.1.
        requests: Method and target, one after another.
        body: JSON of each request; a fresh Idempotency-Key goes with it.
        headers: Of each request.
        connections: How many send at once.
        seconds: For how long.
    """

    port: int
    requests: list[str]
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    connections: int = 16
    seconds: float = 5.0

    def messages(self) -> Iterator[bytes]:
        """Make the requests as bytes, for ever."""
        common = f"Host: 127.0.0.1:{self.port}\r\n"
        common += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        if self.body:
            common += f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n"
        for line in itertools.cycle(self.requests):
            key = f"Idempotency-Key: {uuid.uuid4()}\r\n" if self.body else ""
            yield f"{line} HTTP/1.1\r\n{common}{key}\r\n{self.body}".encode()


@dataclass(frozen=True)
class Outcome:
    """What came back.

    Attributes:
        per_second: Answers a second.
        p50_ms: Half of the answers came within so many milliseconds.
        p99_ms: 99 of 100 came within these.
        statuses: How many answers had which status.
        answer_bytes: Size of the last answer.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    statuses: dict[str, int]
    answer_bytes: int


class _Sender(asyncio.Protocol):
    """Sends the next request when the answer to the one before is complete."""

    def __init__(self, messages: Iterator[bytes], ends: float) -> None:
        self.seconds: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.answer_bytes = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._messages = messages
        self._ends = ends
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        now = time.perf_counter()
        self.seconds.append(now - self._sent)
        self.statuses[head[9:12].decode()] += 1
        self.answer_bytes = len(self._buffer)
        self._buffer = b""
        if now < self._ends and b"connection: close" not in head.lower():
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._messages))


async def send(order: Order) -> Outcome:
    """Carry out an order."""
    loop = asyncio.get_running_loop()
    messages = order.messages()
    began = time.perf_counter()
    senders = []
    for _ in range(order.connections):
        _, sender = await loop.create_connection(
            lambda: _Sender(messages, began + order.seconds), "127.0.0.1", order.port
        )
        senders.append(sender)
    await asyncio.gather(*(sender.done for sender in senders))
    seconds = sorted(second for sender in senders for second in sender.seconds)
    return Outcome(
        per_second=len(seconds) / (time.perf_counter() - began),
        p50_ms=1000 * seconds[len(seconds) // 2],
        p99_ms=1000 * seconds[int(len(seconds) * 0.99)],
        statuses=dict(sum((sender.statuses for sender in senders), Counter())),
        answer_bytes=senders[0].answer_bytes,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(send(Order(**json.load(sys.stdin)))))))
