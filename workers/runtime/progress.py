"""How fast a job goes and when it will end."""

from __future__ import annotations

import time
from collections import deque

from service.domain.job import JobProgress

WINDOW_SECONDS = 10.0


class ProgressEstimator:
    """Turns what is done into progress with a speed and an end.

    The speed is that of the last ten seconds or of all the time since the phase began, whichever
    is shorter.
    """

    def __init__(self) -> None:
        self._phase = ""
        self._marks: deque[tuple[float, int, float]] = deque()

    def progress(
        self, phase: str, images_seen: int, total_images: int | None, fraction: float
    ) -> JobProgress:
        """Take in a measurement and say how it goes.

        Args:
            phase: What the job does now; a new one starts the measurement anew.
            images_seen: Images handled so far.
            total_images: Images to handle in all, where known.
            fraction: Share of the whole job that is done, in [0, 1].
        """
        now = time.monotonic()
        if phase != self._phase:
            self._phase = phase
            self._marks.clear()
        self._marks.append((now, images_seen, fraction))
        while now - self._marks[0][0] > WINDOW_SECONDS:
            self._marks.popleft()
        since, images_then, fraction_then = self._marks[0]
        elapsed = now - since
        speed = (images_seen - images_then) / elapsed if elapsed else 0.0
        advance = (fraction - fraction_then) / elapsed if elapsed else 0.0
        return JobProgress(
            phase=phase,
            images_seen=images_seen,
            total_images=total_images,
            fraction=fraction,
            images_per_second=speed or None,
            eta_seconds=(1 - fraction) / advance if advance else None,
        )
