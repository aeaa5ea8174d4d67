"""What is asked about jobs most often, built once for each tenant so that it is compiled once."""

from sqlalchemy import bindparam, func, select

from service.adapters import sql_tables as t
from service.adapters.sql_database import Database


class JobQueries:
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
