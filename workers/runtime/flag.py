"""A flag that one thread waits for and another, or a signal handler, raises."""

from __future__ import annotations

import contextlib
import os
import select


class Flag:
    """Like `threading.Event`, but it may be raised by a signal handler whenever that comes.

    An event takes a lock, which the interrupted thread may hold. And an event waits until a moment
    of a clock, where this waits for a span of time, whatever becomes of clocks meanwhile.
    """

    def __init__(self) -> None:
        self._reads, self._writes = os.pipe()
        os.set_blocking(self._writes, False)
        self._poll = select.poll()
        self._poll.register(self._reads, select.POLLIN)

    def set(self) -> None:
        """Raise it."""
        with contextlib.suppress(BlockingIOError):  # it was raised often already
            os.write(self._writes, b"\0")

    def wait(self, seconds: float) -> bool:
        """Wait until it is raised, or for a while; return whether it is."""
        return bool(self._poll.poll(seconds * 1000))

    def close(self) -> None:
        """Let go of it, once nobody raises it any more or waits for it."""
        os.close(self._reads)
        os.close(self._writes)
