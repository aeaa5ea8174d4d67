"""Clocks that tests move, and a task queue in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection
from typing_extensions import override

from service.adapters.database_clock import DatabaseClock
from service.domain.ports import Clock, TaskQueue


class ManualClock(Clock):
    """A clock that tests move by hand."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    @override
    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)


class ManualDatabaseClock(DatabaseClock):
    """A database's clock that is moved by hand.

    Args:
        clock: Which is moved.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    @override
    def now(self, connection: Connection) -> datetime:
        return self._clock.now()

    @override
    def ahead_seconds(self, connection: Connection) -> float:
        return 0.0

    @override
    def step_seconds(self, connection: Connection) -> float:
        return 0.0


@dataclass
class MemoryQueue(TaskQueue):
    """A task queue that keeps what was sent.

    Attributes:
        notified: (queue, job id) in order.
        up: What `reachable` returns.
    """

    notified: list[tuple[str, str]] = field(default_factory=list)
    up: bool = True

    @override
    def notify(self, queue: str, job_id: str) -> None:
        self.notified.append((queue, job_id))

    @override
    def reachable(self) -> bool:
        return self.up
