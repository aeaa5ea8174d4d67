"""Rows of jobs: read under a lock, replaced if unchanged, their logs continued without gaps."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, delete, insert, update

from service.adapters import sql_tables as t
from service.adapters.sql_catalog import follow_ingest
from service.adapters.sql_database import Database, locked_row
from service.adapters.sql_quotas import book
from service.adapters.sql_rows import job_of, job_row
from service.adapters.sql_statistics import add_counts
from service.adapters.sql_webhooks import announce
from service.domain import errors, job_events, statistics
from service.domain.job import HELD, Claim, Job
from service.domain.job_ports import EventDraft
from service.domain.webhooks import Message


class JobRows:
    """Writes the jobs of one database; what a move brings with it is in the same transaction.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def move(self, job_id: str, move: Callable[[Job], Job]) -> Job:
        """Let a job make a move, in a transaction of its own."""
        with self._database.writing() as connection:
            job = self.locked(connection, job_id)
            return self.write_move(connection, job, move(job))

    def move_fenced(
        self, claim: Claim, move: Callable[[Job], Job], before: Sequence[EventDraft] = ()
    ) -> Job:
        """Let a job make a move while a claim holds it; `before` is logged ahead of the move."""
        with self._database.writing() as connection:
            job = self.fenced(connection, claim)
            return self.write_move(connection, job, move(job), before)

    def write_move(
        self, connection: Connection, job: Job, moved: Job, before: Sequence[EventDraft] = ()
    ) -> Job:
        """Write a move that a locked job made, if it is one, with its log entries and counts."""
        if moved is job:
            return job
        entries = [*before, *job_events.entries_of_move(moved)]
        self.write(connection, job, moved, entries)
        add_counts(connection, statistics.counts_of_move(job, moved, self._database.now()))
        return moved

    def write(
        self, connection: Connection, job: Job, moved: Job, entries: Sequence[EventDraft]
    ) -> None:
        """Replace a job's row if it still is as it was read, and add to its log.

        Raises:
            LeaseLost: The row changed meanwhile.
        """
        jobs = t.jobs.c
        unchanged = (jobs.id == job.id, jobs.version == job.version, jobs.attempt == job.attempt)
        written = connection.execute(update(t.jobs).where(*unchanged).values(job_row(moved)))
        if written.rowcount != 1:
            raise errors.LeaseLost(f"Job {job.id} changed under attempt {job.attempt}; stop.")
        self.append(connection, job.id, entries)
        if moved.state is not job.state:
            follow_ingest(connection, moved)
            announce(connection, moved.tenant, Message.of_job(moved), self._database.now())
        if moved.state not in HELD:
            book(connection, job, moved, self._database.now())

    def append(self, connection: Connection, job_id: str, entries: Sequence[EventDraft]) -> None:
        """Add entries to a job's log, numbered without gaps."""
        if not entries:
            return
        count = t.jobs.c.num_events
        last = connection.execute(
            update(t.jobs)
            .where(t.jobs.c.id == job_id)
            .values(num_events=count + len(entries))
            .returning(count)
        ).scalar_one()
        now = self._database.now()
        rows = [
            {"job_id": job_id, "sequence": sequence, "kind": str(kind), "at": now, "data": data}
            for sequence, (kind, data) in enumerate(entries, last - len(entries) + 1)
        ]
        connection.execute(insert(t.events), rows)

    def locked(self, connection: Connection, job_id: str) -> Job:
        """Read a job that nobody else may change until the transaction ends."""
        row = locked_row(connection, t.jobs, job_id, self._database.visible(t.jobs))
        if row is None:
            raise errors.JobNotFound.named(job_id)
        return job_of(row)

    def fenced(self, connection: Connection, claim: Claim) -> Job:
        """Read and lock the job a claim holds, or raise LeaseLost."""
        row = locked_row(connection, t.jobs, claim.job_id)
        return job_events.check_fence(job_of(row) if row else None, claim)


def remove_jobs(connection: Connection, job_ids: Sequence[str]) -> None:
    """Remove jobs with their logs and the keys that they came with."""
    keys = t.idempotency_keys
    connection.execute(delete(t.events).where(t.events.c.job_id.in_(job_ids)))
    connection.execute(delete(keys).where(keys.c.job_id.in_(job_ids)))
    connection.execute(delete(t.jobs).where(t.jobs.c.id.in_(job_ids)))
