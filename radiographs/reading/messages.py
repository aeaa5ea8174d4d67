"""What an ingest and its decoding processes send each other: a line of JSON, then bytes of files.

Nothing is pickled: a process that a hostile file has taken over can send wrong pixels, and
nothing that runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

_MAX_LINE = 16_384

Head = Mapping[str, Any]  # of JSON


def send(stream: BinaryIO, head: Head, parts: Sequence[bytes] = ()) -> None:
    """Send a message."""
    stream.write(json.dumps({**head, "lengths": [len(part) for part in parts]}).encode() + b"\n")
    stream.writelines(parts)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[Head, list[bytes]]:
    """Wait for a message.

    Raises:
        EOFError: The other side is gone.
    """
    line = stream.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    lengths = head.pop("lengths")
    parts = [stream.read(length) for length in lengths]
    if any(len(part) < length for part, length in zip(parts, lengths, strict=True)):
        raise EOFError
    return head, parts
