"""Figures of the whole database, read in a few cheap queries, and the counts it keeps."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_database import Database
from service.domain.record_ports import StatisticsSource
from service.domain.statistics import CountKey, Statistics

_SEPARATOR = ","  # no label of ours holds one


class SqlStatistics(StatisticsSource):
    """The statistics of one database.

    Args:
        database: Which.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def read(self) -> Statistics:
        jobs, events = t.jobs.c, t.events.c
        by_state = select(jobs.queue, jobs.state, func.count()).group_by(jobs.state, jobs.queue)
        # not the time of its submission: a job may have been retried much later
        queued_at = select(func.max(events.at)).where(
            events.job_id == jobs.id, events.kind == "state"
        )
        waiting = select(jobs.queue, queued_at.scalar_subquery().label("at")).where(
            jobs.state == "queued"
        )
        found = waiting.subquery().c
        oldest = select(found.queue, func.min(found.at)).group_by(found.queue)
        tables = {"datasets": t.datasets, "models": t.models, "synthetic_sets": t.synthetic_sets}
        with self._database.reading() as connection:
            now = self._database.now()
            return Statistics(
                jobs={(q, state): number for q, state, number in connection.execute(by_state)},
                oldest_queued_seconds={
                    queue: max(0.0, (now - at).total_seconds())
                    for queue, at in connection.execute(oldest)
                },
                records={
                    name: connection.scalar(select(func.count()).select_from(table)) or 0
                    for name, table in tables.items()
                },
                counts={
                    (name, *labels.split(_SEPARATOR)): value
                    for name, labels, value in connection.execute(select(t.counts))
                },
            )


def add_counts(connection: Connection, counts: Mapping[CountKey, float]) -> None:
    """Add to the counts; in order, so that two transactions cannot wait for each other."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for (name, *labels), value in sorted(counts.items()):
        insertion = dialect.insert(t.counts).values(
            name=name, labels=_SEPARATOR.join(labels), value=value
        )
        total = t.counts.c.value + insertion.excluded.value
        connection.execute(
            insertion.on_conflict_do_update(
                index_elements=[t.counts.c.name, t.counts.c.labels], set_={"value": total}
            )
        )
