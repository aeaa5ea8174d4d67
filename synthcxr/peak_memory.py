"""How much memory this process and its descendants use together."""

from __future__ import annotations

import threading
from contextlib import suppress

SAMPLE_EVERY_SECONDS = 0.5


class PeakMemory:
    """Measure the resident memory of this process tree while a block runs.

    Resident sizes are added up, so memory that processes share counts once for each.

    Attributes:
        peak_bytes: The largest sum so far.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, tree_resident_bytes())
            if self._stop.wait(SAMPLE_EVERY_SECONDS):
                return


def tree_resident_bytes() -> int:
    """Add up the resident memory of this process and its descendants, in bytes."""
    import psutil  # of the server's install, as what the demo starts

    us = psutil.Process()
    total = 0
    for process in (us, *us.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile
            total += process.memory_info().rss
    return total
