"""Jobs in SQLite or PostgreSQL, to look at; the most frequent queries are compiled once."""

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_database import Database, page_query
from service.adapters.sql_rows import event_of, job_of
from service.domain import errors
from service.domain.job import HELD, Event, Job, JobKind, JobRevision, JobState
from service.domain.job_ports import JobReads
from service.domain.paging import DEFAULT_LIMIT, Page, page_of

HELD_STATES = [str(state) for state in HELD]
_FEW = 32  # so many places in a queue are counted one by one, more by numbering the queue


class SqlJobReads(JobReads):
    """Reads the jobs of one database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = _Queries(database)

    @override
    def job(self, job_id: str) -> Job:
        with self._database.querying() as connection:
            row = connection.execute(self._queries.job, {"job_id": job_id}).mappings().first()
        if row is None:
            raise errors.JobNotFound.named(job_id)
        return job_of(row)

    @override
    def some_jobs(self, job_ids: Sequence[str]) -> list[Job]:
        with self._database.querying() as connection:
            found = connection.execute(
                self._queries.some_jobs, {"job_ids": list(job_ids)}
            ).mappings()
            return [job_of(row) for row in found]

    @override
    def jobs(
        self,
        *,
        kind: JobKind | None = None,
        state: JobState | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Page[Job]:
        query = page_query(t.jobs, cursor, limit).where(self._database.visible(t.jobs))
        if kind:
            query = query.where(t.jobs.c.kind == str(kind))
        if state:
            query = query.where(t.jobs.c.state == str(state))
        with self._database.querying() as connection:
            rows = connection.execute(query).mappings().all()
        return page_of([job_of(row) for row in rows], limit)

    @override
    def revisions(self, job_ids: Sequence[str]) -> dict[str, JobRevision]:
        with self._database.querying() as connection:
            found = connection.execute(self._queries.revisions, {"job_ids": list(job_ids)})
            return {job_id: JobRevision(*revision) for job_id, *revision in found}

    @override
    def queue_positions(self, jobs: Sequence[Job]) -> dict[str, int]:
        waiting = [job.id for job in jobs if job.state is JobState.QUEUED]
        if not waiting:
            return {}
        few = len(waiting) <= _FEW
        query = self._queries.position if few else self._queries.positions
        with self._database.querying() as connection:
            found = connection.execute(query, {"job_ids": waiting})
            return {str(job_id): int(place) for job_id, place in found}

    @override
    def events(self, job_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        asked = {"job_id": job_id, "after": after, "limit": limit}
        with self._database.querying() as connection:
            rows = connection.execute(self._queries.events, asked).mappings().all()
        if not rows:
            self.job(job_id)  # an unknown job is not one without new entries
        return [event_of(row) for row in rows]

    @override
    def held_by(self, worker: str) -> Job | None:
        held = select(t.jobs).where(t.jobs.c.state.in_(HELD_STATES), t.jobs.c.worker == worker)
        with self._database.reading() as connection:
            row = connection.execute(held).mappings().first()
        return job_of(row) if row else None

    @override
    def num_queued(self) -> dict[str, int]:
        jobs = t.jobs.c
        query = select(jobs.queue, func.count()).where(jobs.state == "queued").group_by(jobs.queue)
        with self._database.reading() as connection:
            return {str(queue): int(number) for queue, number in connection.execute(query)}

    @override
    def next_queued(self, queues: Sequence[str]) -> str | None:
        jobs = t.jobs.c
        waiting = select(func.min(jobs.id)).where(
            jobs.state == "queued", jobs.queue.in_(list(queues))
        )
        with self._database.reading() as connection:
            return connection.execute(waiting).scalar()

    @override
    def queued_jobs(self, queue: str, limit: int = 100) -> list[Job]:
        waiting = select(t.jobs).where(t.jobs.c.state == "queued", t.jobs.c.queue == queue)
        query = waiting.order_by(t.jobs.c.id).limit(limit)
        with self._database.querying() as connection:
            return [job_of(row) for row in connection.execute(query).mappings()]


class _Queries:
    """Queries for the jobs that are there, by `job_id` or by `job_ids`.

    Args:
        database: Whose jobs are there.

    Attributes:
        job: One job.
        some_jobs: Those of some.
        revisions: Identifier, version and length of the log of each of some.
        position: How many are before each of some in its queue; counted for each, along an index.
        positions: The same; the whole queue is numbered once.
        events: Entries of a job's log above `after`, up to `limit`.
    """

    def __init__(self, database: Database) -> None:
        jobs, events, earlier = t.jobs, t.events, t.jobs.alias()
        there, queued = database.visible(jobs), jobs.c.state == "queued"
        one = jobs.c.id == bindparam("job_id")
        some = jobs.c.id.in_(bindparam("job_ids", expanding=True))
        self.job = select(jobs).where(one, there)
        self.some_jobs = select(jobs).where(some, there)
        self.revisions = select(jobs.c.id, jobs.c.version, jobs.c.num_events).where(some, there)
        before = select(func.count()).where(
            database.visible(earlier),
            earlier.c.state == "queued",
            earlier.c.queue == jobs.c.queue,
            earlier.c.id < jobs.c.id,
        )
        self.position = select(jobs.c.id, before.scalar_subquery()).where(some, queued, there)
        place = func.row_number().over(partition_by=jobs.c.queue, order_by=jobs.c.id) - 1
        places = select(jobs.c.id, place.label("place")).where(queued, there).subquery()
        wanted = places.c.id.in_(bindparam("job_ids", expanding=True))
        self.positions = select(places.c.id, places.c.place).where(wanted)
        self.events = (
            select(events)
            .join(jobs, jobs.c.id == events.c.job_id)
            .where(one, there, events.c.sequence > bindparam("after"))
            .order_by(events.c.sequence)
            .limit(bindparam("limit"))
        )
