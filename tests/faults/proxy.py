"""A wire that can be cut: a TCP proxy that delays, resets, or says nothing any more."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

DELAY_SECONDS = 0.2
POLL_SECONDS = 0.05


class Weather(StrEnum):
    """What happens to what is sent."""

    FAIR = "fair"
    SLOW = "slow"  # each piece comes late
    SILENT = "silent"  # connections stand, and are made, and nothing arrives: half open
    DOWN = "down"  # new connections are reset


class Proxy:
    """Passes connections on to a server, as the weather is.

    Attributes:
        port: Where it listens, on the loopback address.
        weather: Holds for all connections from now on.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._closed = False
        self.port = int(self._listener.getsockname()[1])
        self.weather = Weather.FAIR
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """End all connections at once, with RST."""
        for pair in self._pairs:
            for end in pair:
                _reset(end)
        self._pairs.clear()

    def close(self) -> None:
        """End everything."""
        self._closed = True
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.weather is Weather.DOWN:
                _reset(client)
                continue
            try:
                server = socket.create_connection(self._server, timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            self._pairs.append((client, server))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(2**16):
                while self.weather is Weather.SILENT and not self._closed:
                    time.sleep(POLL_SECONDS)
                if self.weather is Weather.SLOW:
                    time.sleep(DELAY_SECONDS)
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        end.close()


@contextmanager
def proxied(host: str, port: int) -> Iterator[Proxy]:
    """Run a proxy until the end of the block."""
    proxy = Proxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
