"""The workers of one database: who was heard of, and when."""

from datetime import timedelta

from pydantic import TypeAdapter
from sqlalchemy import delete, insert, select, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_database import Database
from service.domain.job_ports import Workers
from service.domain.worker import Worker, WorkerReport

_report = TypeAdapter(WorkerReport)


class SqlWorkers(Workers):
    """The workers of one database.

    Args:
        database: Where they are written down.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def report(self, report: WorkerReport) -> None:
        with self._database.writing() as connection:
            now = self._database.shared_clock.now(connection)
            seen = {
                "report": _report.dump_python(report, mode="json"),
                "clock_ahead_seconds": self._database.shared_clock.ahead_seconds(connection),
                "last_seen": now,
            }
            known = update(t.workers).where(t.workers.c.name == report.name).values(seen)
            if not connection.execute(known).rowcount:
                row = {"name": report.name, "started_at": now, **seen}
                connection.execute(insert(t.workers), row)

    @override
    def leave(self, name: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(t.workers).where(t.workers.c.name == name))

    @override
    def all(self) -> list[Worker]:
        with self._database.reading() as connection:
            now = self._database.shared_clock.now(connection)
            ours = self._database.shared_clock.step_seconds(connection)
            rows = connection.execute(select(t.workers).order_by(t.workers.c.name)).mappings()
            return [
                Worker(
                    _report.validate_python(
                        row["report"] | {"clock_ahead_seconds": row["clock_ahead_seconds"] - ours}
                    ),
                    row["started_at"],
                    row["last_seen"],
                    max(0.0, (now - row["last_seen"]).total_seconds()),
                )
                for row in rows
            ]

    @override
    def forget_silent(self, seconds: float) -> None:
        with self._database.writing() as connection:
            before = self._database.shared_clock.now(connection) - timedelta(seconds=seconds)
            connection.execute(delete(t.workers).where(t.workers.c.last_seen < before))

    @override
    def clock_ahead_seconds(self) -> float:
        with self._database.reading() as connection:
            ahead = self._database.shared_clock.ahead_seconds(connection)
            return ahead - self._database.shared_clock.step_seconds(connection)
