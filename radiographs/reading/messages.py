"""What an ingest and its decoding processes send each other: a line of JSON, then bytes of files.

A large file that lies on the disk by itself is sent as its descriptor, opened to be read, and the
other side reads it: its bytes are copied once rather than three times. Nothing is pickled: a
process that a hostile file has taken over can send wrong pixels, and nothing that runs.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

MAX_DESCRIPTORS = 64  # of a message
_PREFIX_BYTES = 4  # the length of the line
_BUFFER_BYTES = 1 << 18

Head = Mapping[str, Any]  # of JSON


@dataclass(frozen=True)
class OpenFile:
    """A regular file that is open to be read; whoever opened it closes it."""

    descriptor: int

    def __len__(self) -> int:
        """Return its size."""
        return os.fstat(self.descriptor).st_size


class Line:
    """One end of the line between two processes.

    Args:
        end: A stream socket of the local kind.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._out = end.makefile("wb", _BUFFER_BYTES)

    def send(self, head: Head, parts: Sequence[bytes | OpenFile] = ()) -> None:
        """Send a message; raises OSError where the other side is gone."""
        lengths = [None if isinstance(part, OpenFile) else len(part) for part in parts]
        line = json.dumps({**head, "lengths": lengths}).encode()
        prefix = len(line).to_bytes(_PREFIX_BYTES, "big")
        opened = [part.descriptor for part in parts if isinstance(part, OpenFile)]
        if opened:
            socket.send_fds(self._end, [prefix], opened)
        else:
            self._out.write(prefix)
        self._out.write(line)
        self._out.writelines(part for part in parts if not isinstance(part, OpenFile))
        self._out.flush()

    def receive(self) -> tuple[Head, list[bytes]]:
        """Wait for a message.

        Raises:
            EOFError, OSError: The other side is gone.
        """
        prefix, opened, _, _ = socket.recv_fds(
            self._end, _PREFIX_BYTES, MAX_DESCRIPTORS, socket.MSG_WAITALL
        )
        try:
            if len(prefix) < _PREFIX_BYTES:
                raise EOFError
            head = json.loads(self._exactly(int.from_bytes(prefix, "big")))
            descriptors = iter(opened)
            parts = [
                _whole(next(descriptors)) if length is None else self._exactly(length)
                for length in head.pop("lengths")
            ]
            return head, parts
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def close(self) -> None:
        """Close this end."""
        with suppress(OSError):  # what was not sent has nobody to receive it
            self._out.close()
        self._end.close()

    def _exactly(self, num_bytes: int) -> bytes:
        received = self._end.recv(num_bytes, socket.MSG_WAITALL) if num_bytes else b""
        while len(received) < num_bytes:  # it was interrupted
            more = self._end.recv(num_bytes - len(received), socket.MSG_WAITALL)
            if not more:
                raise EOFError
            received += more
        return received


def _whole(descriptor: int) -> bytes:
    """Read a file that was sent as its descriptor."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
