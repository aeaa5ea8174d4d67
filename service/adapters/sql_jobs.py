"""Jobs in SQLite or PostgreSQL: each method one transaction, each worker's write fenced."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, or_, select, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_audit import write_entry
from service.adapters.sql_catalog import follow_ingest, keep_dataset, keep_model
from service.adapters.sql_database import Database, insert_if_new, locked_row, page_query
from service.adapters.sql_job_queries import JobQueries
from service.adapters.sql_quotas import book, check_quotas, quota_columns
from service.adapters.sql_releases import hold_examinations, keep_examination, make_set_visible
from service.adapters.sql_statistics import add_counts
from service.domain import errors, job_events, statistics
from service.domain.audit import AuditDraft, push_of, verdict_on
from service.domain.caller import DEFAULT_TENANT
from service.domain.errors import Problem
from service.domain.job import (
    HELD,
    MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    Claim,
    Event,
    Job,
    JobKind,
    JobProgress,
    JobRevision,
    JobState,
)
from service.domain.paging import DEFAULT_LIMIT, Page, page_of
from service.domain.quotas import Quotas, use_of
from service.domain.record_ports import EventDraft, Idempotency, Jobs
from service.domain.records import (
    Dataset,
    GeneratedSet,
    IngestedDataset,
    JobOutput,
    PreparedModel,
    PreviewedModel,
    PushedSet,
    ScoredImages,
    TrainedModel,
)

_HELD = [str(state) for state in HELD]
_FEW = 32  # so many places in a queue are counted one by one, more by numbering the queue
_SCHEDULER = "scheduler"  # the name of its lock


class SqlJobs(Jobs):
    """The jobs of one database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = JobQueries(database)

    @override
    def submit(
        self,
        job: Job,
        *,
        idempotency: Idempotency | None = None,
        dataset: Dataset | None = None,
        stored_bytes: int = 0,
        quotas: Quotas | None = None,
        audit: AuditDraft | None = None,
    ) -> Job:
        job = replace(job, tenant=self._database.tenant or job.tenant)
        with self._database.writing() as connection:
            if idempotency:
                earlier = _take_key(connection, idempotency, job)
                if earlier:
                    return self._locked(connection, earlier)
            if job.state is JobState.QUEUED:
                added = use_of(job, stored_bytes if dataset else None)
                check_quotas(connection, quotas, job, added, self._database.now())
            if dataset:
                row = {"tenant": job.tenant, "num_bytes": stored_bytes}
                connection.execute(insert(t.datasets), t.DATASETS.row(dataset) | row)
            row = {**t.job_row(job), **quota_columns(job), "num_events": 0}
            connection.execute(insert(t.jobs), row)
            self._append(connection, job.id, job_events.entries_of_move(job))
            if audit:
                write_entry(connection, audit, self._database.now())
            return job

    @override
    def submitted(self, idempotency: Idempotency) -> Job | None:
        with self._database.querying() as connection:
            tenant = self._database.tenant or DEFAULT_TENANT
            job_id = _job_of_key(connection, idempotency, tenant)
        return self.job(job_id) if job_id else None

    @override
    def request_cancel(self, job_id: str) -> Job:
        return self._move(job_id, lambda job: job.request_cancel(self._database.now()))

    @override
    def retry(self, job_id: str, *, quotas: Quotas | None = None) -> Job:
        with self._database.writing() as connection:
            job = self._locked(connection, job_id)
            queued = job.retry()
            check_quotas(connection, quotas, job, use_of(job), self._database.now())
            return self._write_move(connection, job, queued)

    @override
    def delete_job(self, job_id: str, audit: AuditDraft | None = None) -> Job:
        with self._database.writing() as connection:
            job = self._locked(connection, job_id)
            job.must_be_done()
            remove_jobs(connection, [job_id])
            if audit:
                write_entry(connection, audit, self._database.now())
            return job

    @override
    def job(self, job_id: str) -> Job:
        with self._database.querying() as connection:
            row = connection.execute(self._queries.job, {"job_id": job_id}).mappings().first()
        if row is None:
            raise errors.JobNotFound.named(job_id)
        return t.job_of(row)

    @override
    def some_jobs(self, job_ids: Sequence[str]) -> list[Job]:
        with self._database.querying() as connection:
            found = connection.execute(
                self._queries.some_jobs, {"job_ids": list(job_ids)}
            ).mappings()
            return [t.job_of(row) for row in found]

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
        return page_of([t.job_of(row) for row in rows], limit)

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
        return [t.event_of(row) for row in rows]

    @override
    def claim(self, job_id: str, *, worker: str, lease_seconds: float) -> Job | None:
        query = (
            select(t.jobs)
            .where(t.jobs.c.id == job_id, t.jobs.c.state == "queued")
            .with_for_update(skip_locked=True)  # a row that somebody else is just claiming
        )
        with self._database.writing() as connection:
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            job = t.job_of(row)
            claimed = replace(
                job.claim(worker, self._database.now(), lease_seconds),
                lease_expires_at=self._lease_end(connection, lease_seconds),
            )
            return self._write_move(connection, job, claimed)

    @override
    def heartbeat(self, claim: Claim, lease_seconds: float) -> bool:
        jobs = t.jobs.c
        renew = (  # without a new version: nobody outside sees it
            update(t.jobs)
            .where(jobs.id == claim.job_id, jobs.attempt == claim.attempt, jobs.state.in_(_HELD))
            .returning(jobs.state)
        )
        with self._database.writing() as connection:
            lease_expires_at = self._lease_end(connection, lease_seconds)
            state = connection.execute(renew.values(lease_expires_at=lease_expires_at)).scalar()
        if state is None:
            job_events.check_fence(None, claim)
        return bool(state == JobState.CANCELLING)

    @override
    def record(
        self,
        claim: Claim,
        *,
        progress: JobProgress | None = None,
        metrics: Mapping[str, float] | None = None,
        events: Sequence[EventDraft] = (),
        checkpoint: bool = False,
    ) -> None:
        with self._database.writing() as connection:
            job = _fenced(connection, claim)
            reported = job.report(progress=progress, metrics=metrics, checkpoint=checkpoint)
            entries = job_events.entries_of_report(progress, metrics, events)
            self._write(connection, job, reported, entries)

    @override
    def succeed(self, claim: Claim, made: JobOutput) -> Job:
        now = self._database.now()
        with self._database.writing() as connection:
            if isinstance(made, GeneratedSet):
                hold_examinations(connection, now)
            job = _fenced(connection, claim)
            ended = job.succeed(job_events.result_of(made), now)
            self._write_move(connection, job, ended)
            if ended.state is JobState.SUCCEEDED:
                _keep(connection, made, job.tenant)
                add_counts(connection, statistics.counts_of_output(made))
                if isinstance(made, GeneratedSet):
                    write_entry(connection, verdict_on(made.synthetic_set, job), now)
                if isinstance(made, PushedSet):
                    write_entry(connection, push_of(made, job), now)
            return ended

    @override
    def fail(self, claim: Claim, problem: Problem) -> Job:
        return self._move_fenced(claim, lambda job: job.fail(problem, self._database.now()))

    @override
    def finish_cancelled(self, claim: Claim) -> Job:
        return self._move_fenced(claim, lambda job: job.finish_cancelled(self._database.now()))

    @override
    def put_back(self, claim: Claim, problem: Problem) -> Job:
        return self._move_fenced(
            claim,
            lambda job: job.put_back(self._database.now()),
            [job_events.entry_of_problem(problem)],
        )

    @override
    def hand_back(self, claim: Claim) -> Job:
        return self._move_fenced(claim, lambda job: job.hand_back(self._database.now()))

    @override
    def held_by(self, worker: str) -> Job | None:
        held = select(t.jobs).where(t.jobs.c.state.in_(_HELD), t.jobs.c.worker == worker)
        with self._database.reading() as connection:
            row = connection.execute(held).mappings().first()
        return t.job_of(row) if row else None

    @override
    def give_up(
        self,
        claim: Claim,
        reason: str,
        max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    ) -> Job:
        with self._database.writing() as connection:
            job = _fenced(connection, claim)
            moved = job.requeue(self._database.now(), max_attempts_without_checkpoint)
            lost = job_events.entry_of_lost_attempt(job, reason)
            self._write_move(connection, job, moved, [lost])
            add_counts(connection, statistics.counts_of_lost_leases([job]))
            return moved

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
            return [t.job_of(row) for row in connection.execute(query).mappings()]

    @override
    def expire_leases(
        self, max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT
    ) -> list[Job]:
        held = select(t.jobs).where(t.jobs.c.state.in_(_HELD))
        with self._database.writing() as connection:
            ended = t.jobs.c.lease_expires_at < self._database.shared_clock.now(connection)
            in_order = held.where(ended).order_by(t.jobs.c.tenant, t.jobs.c.id)
            lost = in_order.with_for_update(skip_locked=True)
            jobs = [t.job_of(row) for row in connection.execute(lost).mappings().all()]
            moved = [
                self._write_move(
                    connection,
                    job,
                    job.requeue(self._database.now(), max_attempts_without_checkpoint),
                    [job_events.entry_of_lost_attempt(job, job_events.NO_SIGN_OF_LIFE)],
                )
                for job in jobs
            ]
            add_counts(connection, statistics.counts_of_lost_leases(jobs))
            return moved

    @override
    def hold_scheduler_lock(self, holder: str, seconds: float) -> bool:
        with self._database.writing() as connection:
            now = self._database.shared_clock.now(connection)
            lock = {"holder": holder, "expires_at": now + timedelta(seconds=seconds)}
            free = or_(t.locks.c.holder == holder, t.locks.c.expires_at < now)
            take = update(t.locks).where(t.locks.c.name == _SCHEDULER, free).values(lock)
            if connection.execute(take).rowcount:
                return True
            return insert_if_new(connection, t.locks, {"name": _SCHEDULER, **lock})

    @override
    def scheduler_is_late(self) -> bool:
        until = select(t.locks.c.expires_at).where(t.locks.c.name == _SCHEDULER)
        with self._database.reading() as connection:
            expires_at = connection.execute(until).scalar()
            now = self._database.shared_clock.now(connection)
        return expires_at is None or expires_at < now

    def _lease_end(self, connection: Connection, lease_seconds: float) -> datetime:
        now = self._database.shared_clock.now(connection)
        return now + timedelta(seconds=lease_seconds)

    def _move(self, job_id: str, move: Callable[[Job], Job]) -> Job:
        with self._database.writing() as connection:
            job = self._locked(connection, job_id)
            return self._write_move(connection, job, move(job))

    def _move_fenced(
        self, claim: Claim, move: Callable[[Job], Job], before: Sequence[EventDraft] = ()
    ) -> Job:
        with self._database.writing() as connection:
            job = _fenced(connection, claim)
            return self._write_move(connection, job, move(job), before)

    def _write_move(
        self, connection: Connection, job: Job, moved: Job, before: Sequence[EventDraft] = ()
    ) -> Job:
        if moved is job:
            return job
        entries = [*before, *job_events.entries_of_move(moved)]
        self._write(connection, job, moved, entries)
        add_counts(connection, statistics.counts_of_move(job, moved, self._database.now()))
        return moved

    def _write(
        self, connection: Connection, job: Job, moved: Job, entries: Sequence[EventDraft]
    ) -> None:
        """Replace a job's row if it still is as it was read, and add to its log.

        Raises:
            LeaseLost: The row changed meanwhile.
        """
        jobs = t.jobs.c
        unchanged = (jobs.id == job.id, jobs.version == job.version, jobs.attempt == job.attempt)
        written = connection.execute(update(t.jobs).where(*unchanged).values(t.job_row(moved)))
        if written.rowcount != 1:
            raise errors.LeaseLost(f"Job {job.id} changed under attempt {job.attempt}; stop.")
        self._append(connection, job.id, entries)
        if moved.state is not job.state:
            follow_ingest(connection, moved)
        if moved.state not in HELD:
            book(connection, job, moved, self._database.now())

    def _append(self, connection: Connection, job_id: str, entries: Sequence[EventDraft]) -> None:
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

    def _locked(self, connection: Connection, job_id: str) -> Job:
        """Read a job that nobody else may change until the transaction ends."""
        row = locked_row(connection, t.jobs, job_id, self._database.visible(t.jobs))
        if row is None:
            raise errors.JobNotFound.named(job_id)
        return t.job_of(row)


def remove_jobs(connection: Connection, job_ids: Sequence[str]) -> None:
    """Remove jobs with their logs and the keys that they came with."""
    keys = t.idempotency_keys
    connection.execute(delete(t.events).where(t.events.c.job_id.in_(job_ids)))
    connection.execute(delete(keys).where(keys.c.job_id.in_(job_ids)))
    connection.execute(delete(t.jobs).where(t.jobs.c.id.in_(job_ids)))


def _keep(connection: Connection, made: JobOutput, tenant: str) -> None:
    """Make visible to its tenant what a job made."""
    match made:
        case IngestedDataset():
            keep_dataset(connection, made)
        case TrainedModel():
            keep_model(connection, made.model, tenant)
        case GeneratedSet():
            keep_examination(connection, made, tenant)
            make_set_visible(connection, made.synthetic_set, tenant)
        case PushedSet():
            pass  # it is another system that keeps it
        case ScoredImages() | PreviewedModel():
            pass  # scores and pictures are kept by the name of their job
        case PreparedModel():
            pass  # what was learned lies beside the dataset's pixels


def _fenced(connection: Connection, claim: Claim) -> Job:
    """Read and lock the job a claim holds, or raise LeaseLost."""
    row = locked_row(connection, t.jobs, claim.job_id)
    return job_events.check_fence(t.job_of(row) if row else None, claim)


def _take_key(connection: Connection, wanted: Idempotency, job: Job) -> str | None:
    """Take an idempotency key of a job's tenant for the job, or return the job that has it."""
    row = {"key": wanted.key, "fingerprint": wanted.fingerprint, "job_id": job.id}
    if insert_if_new(connection, t.idempotency_keys, {**row, "tenant": job.tenant}):
        return None
    return _job_of_key(connection, wanted, job.tenant)


def _job_of_key(connection: Connection, wanted: Idempotency, tenant: str) -> str | None:
    """Return the job that has a tenant's key, if any; raise when it was for another request."""
    keys = t.idempotency_keys
    query = select(keys).where(keys.c.tenant == tenant, keys.c.key == wanted.key)
    taken = connection.execute(query).mappings().first()
    if taken is None:
        return None
    if taken["fingerprint"] != wanted.fingerprint:
        raise errors.IdempotencyConflict.for_key(wanted.key)
    return str(taken["job_id"])
