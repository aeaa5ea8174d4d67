"""What an ingest and its decoding processes send each other: a line of JSON, then bytes.

Nothing is pickled: a process that a hostile file has taken over can send wrong pixels, and
nothing that runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import BinaryIO

_MAX_LINE = 4096

Head = Mapping[str, str | int | float | bool]


def send(stream: BinaryIO, head: Head, data: bytes = b"") -> None:
    """Send a message."""
    stream.write(json.dumps({**head, "num_bytes": len(data)}).encode() + b"\n")
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[Head, bytes]:
    """Wait for a message.

    Raises:
        EOFError: The other side is gone.
    """
    line = stream.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    data = stream.read(head["num_bytes"])
    if len(data) < head["num_bytes"]:
        raise EOFError
    return head, data
