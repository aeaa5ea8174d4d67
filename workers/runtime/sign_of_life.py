"""What the process of a job shows to the process that started it, without its help."""

from __future__ import annotations

import time
from collections.abc import MutableSequence

SIZE = 3  # numbers in shared memory
_STEP_AT, _SLOWEST_STEP, _BUSY = range(SIZE)


class SignOfLife:
    """When a process last took a step, whether of a job, and how long its slowest step took.

    Numbers in shared memory, each written by one process alone: no lock that a killed process
    could keep, and to read them the process need not run.

    Args:
        numbers: Shared memory for SIZE numbers; by default memory of this process.
    """

    def __init__(self, numbers: MutableSequence[float] | None = None) -> None:
        self._numbers = [0.0] * SIZE if numbers is None else numbers
        self._numbers[_STEP_AT] = self._numbers[_STEP_AT] or time.monotonic()

    def step(self) -> None:
        """Show that the process gets on; called at every check for a cancel."""
        now, numbers = time.monotonic(), self._numbers
        took = now - numbers[_STEP_AT]
        if numbers[_BUSY] and took > numbers[_SLOWEST_STEP]:
            numbers[_SLOWEST_STEP] = took
        numbers[_STEP_AT] = now

    def begin_job(self) -> None:
        """Show that a job begins."""
        self._numbers[_SLOWEST_STEP] = 0.0
        self._numbers[_STEP_AT] = time.monotonic()
        self._numbers[_BUSY] = 1.0

    def end_job(self) -> None:
        """Show that it ended."""
        self._numbers[_BUSY] = 0.0
        self.step()

    @property
    def is_busy(self) -> bool:
        """Whether a job is under way."""
        return bool(self._numbers[_BUSY])

    @property
    def silent_seconds(self) -> float:
        """How long ago the last step was."""
        return time.monotonic() - self._numbers[_STEP_AT]

    @property
    def slowest_step_seconds(self) -> float:
        """How long the slowest step of the job under way took."""
        return self._numbers[_SLOWEST_STEP]
