"""The one clock that leases are written and judged by: the database's, not that of a process.

Clocks of machines differ, and a machine's own clock is set forward and back. PostgreSQL has one
clock for all. SQLite has none, but all its processes run on one machine, where the time since the
boot grows steadily whatever happens to the time of day: so the clock is the moment of the boot, as
first written down, plus that.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, delete, func, insert, select, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.domain.job import HELD

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UPTIME = Path("/proc/uptime")


class DatabaseClock(Protocol):
    """A clock that all processes of one database share."""

    def now(self, connection: Connection) -> datetime:
        """Return the present moment, within a transaction."""

    def ahead_seconds(self, connection: Connection) -> float:
        """Return by how much the clock of this process is ahead."""

    def step_seconds(self, connection: Connection) -> float:
        """Return by how much that is so for every process, since their common clock was set."""


class PostgresClock(DatabaseClock):
    """The clock of the database server."""

    @override
    def now(self, connection: Connection) -> datetime:
        moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return moment.astimezone(UTC)

    @override
    def ahead_seconds(self, connection: Connection) -> float:
        """Compare with the middle of the question and its answer."""
        asked = datetime.now(UTC)
        theirs = self.now(connection)
        answered = datetime.now(UTC)
        return (asked + (answered - asked) / 2 - theirs).total_seconds()

    @override
    def step_seconds(self, connection: Connection) -> float:
        return 0.0


class UptimeClock(DatabaseClock):
    """The moment of the machine's boot plus the time since, both the same for every process."""

    @override
    def now(self, connection: Connection) -> datetime:
        """Return the present moment; at the first use after a boot all leases are ended.

        Who held a lease before the boot is gone, however the time of day was set meanwhile.
        """
        boot, uptime = _boot_id(), timedelta(seconds=_uptime_seconds())
        known = select(t.boots.c.booted_at).where(t.boots.c.boot_id == boot)
        booted_at: datetime | None = connection.execute(known).scalar()
        if booted_at is not None:
            return booted_at + uptime
        now = datetime.now(UTC)
        if not connection.get_execution_options().get("reads"):
            connection.execute(delete(t.boots))
            connection.execute(insert(t.boots), {"boot_id": boot, "booted_at": now - uptime})
            _end_all(connection)
        return now

    @override
    def ahead_seconds(self, connection: Connection) -> float:
        return (datetime.now(UTC) - self.now(connection)).total_seconds()

    @override
    def step_seconds(self, connection: Connection) -> float:
        """Take this process for one whose clock is right: there is no other measure."""
        return self.ahead_seconds(connection)


def clock_of(dialect: str) -> DatabaseClock:
    """Choose the clock of a kind of database, by SQLAlchemy's name for it."""
    return PostgresClock() if dialect == "postgresql" else UptimeClock()


def _end_all(connection: Connection) -> None:
    held = t.jobs.c.state.in_([str(state) for state in HELD])
    connection.execute(update(t.jobs).where(held).values(lease_expires_at=_LONG_AGO))
    connection.execute(update(t.webhook_deliveries).values(lease_expires_at=None))
    connection.execute(delete(t.locks))
    connection.execute(delete(t.workers))


def _boot_id() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"


def _uptime_seconds() -> float:
    """Return the time since the boot, sleep included, where Linux says it; else what grows alike.

    A file is read since a process can be given another clock, and not another file.
    """
    if _UPTIME.exists():
        return float(_UPTIME.read_text().split()[0])
    return time.monotonic()
