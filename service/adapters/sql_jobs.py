"""Jobs in SQLite or PostgreSQL: each method one transaction, each worker's write fenced."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, or_, select, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_audit import num_written, write_entry
from service.adapters.sql_catalog import keep_dataset, keep_model
from service.adapters.sql_database import Database, insert_if_new
from service.adapters.sql_job_reads import HELD_STATES, SqlJobReads
from service.adapters.sql_job_rows import JobRows, remove_jobs
from service.adapters.sql_quotas import check_quotas, quota_columns
from service.adapters.sql_releases import hold_examinations, keep_examination, make_set_visible
from service.adapters.sql_rows import DATASETS, job_of, job_row
from service.adapters.sql_statistics import add_counts
from service.adapters.sql_webhooks import announce
from service.domain import errors, job_events, statistics
from service.domain.audit import AuditDraft, push_of, verdict_on
from service.domain.caller import DEFAULT_TENANT
from service.domain.errors import Problem
from service.domain.job import MAX_ATTEMPTS_WITHOUT_CHECKPOINT, Claim, Job, JobProgress, JobState
from service.domain.job_ports import EventDraft, Idempotency, Jobs
from service.domain.quotas import Quotas, use_of
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
from service.domain.release_rules import check_previews
from service.domain.webhooks import Message

_SCHEDULER = "scheduler"  # the name of its lock


class SqlJobs(SqlJobReads, Jobs):
    """The jobs of one database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._rows = JobRows(database)

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
        max_previews: int | None = None,
    ) -> Job:
        job = replace(job, tenant=self._database.tenant or job.tenant)
        with self._database.writing() as connection:
            if idempotency:
                earlier = _take_key(connection, idempotency, job)
                if earlier:
                    return self._rows.locked(connection, earlier)
            if job.state is JobState.QUEUED:
                added = use_of(job, stored_bytes if dataset else None)
                check_quotas(connection, quotas, job, added, self._database.now())
            if dataset:
                row = {"tenant": job.tenant, "num_bytes": stored_bytes}
                connection.execute(insert(t.datasets), DATASETS.row(dataset) | row)
            row = {**job_row(job), **quota_columns(job), "num_events": 0}
            connection.execute(insert(t.jobs), row)
            self._rows.append(connection, job.id, job_events.entries_of_move(job))
            announce(connection, job.tenant, Message.of_job(job), self._database.now())
            if audit:
                write_entry(connection, audit, self._database.now())
            if audit and audit.target and max_previews is not None:
                ordered = num_written(connection, audit) - 1  # nobody else writes one meanwhile
                check_previews(audit.target, ordered, max_previews)
            return job

    @override
    def submitted(self, idempotency: Idempotency) -> Job | None:
        with self._database.querying() as connection:
            tenant = self._database.tenant or DEFAULT_TENANT
            job_id = _job_of_key(connection, idempotency, tenant)
        return self.job(job_id) if job_id else None

    @override
    def request_cancel(self, job_id: str) -> Job:
        return self._rows.move(job_id, lambda job: job.request_cancel(self._database.now()))

    @override
    def retry(self, job_id: str, *, quotas: Quotas | None = None) -> Job:
        with self._database.writing() as connection:
            job = self._rows.locked(connection, job_id)
            queued = job.retry()
            check_quotas(connection, quotas, job, use_of(job), self._database.now())
            return self._rows.write_move(connection, job, queued)

    @override
    def delete_job(self, job_id: str, audit: AuditDraft | None = None) -> Job:
        with self._database.writing() as connection:
            job = self._rows.locked(connection, job_id)
            job.must_be_done()
            remove_jobs(connection, [job_id])
            if audit:
                write_entry(connection, audit, self._database.now())
            return job

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
            job = job_of(row)
            claimed = replace(
                job.claim(worker, self._database.now(), lease_seconds),
                lease_expires_at=self._lease_end(connection, lease_seconds),
            )
            return self._rows.write_move(connection, job, claimed)

    @override
    def heartbeat(self, claim: Claim, lease_seconds: float) -> bool:
        jobs = t.jobs.c
        renew = (  # without a new version: nobody outside sees it
            update(t.jobs)
            .where(jobs.id == claim.job_id, jobs.attempt == claim.attempt)
            .where(jobs.state.in_(HELD_STATES))
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
            job = self._rows.fenced(connection, claim)
            reported = job.report(progress=progress, metrics=metrics, checkpoint=checkpoint)
            entries = job_events.entries_of_report(progress, metrics, events)
            self._rows.write(connection, job, reported, entries)

    @override
    def succeed(self, claim: Claim, made: JobOutput) -> Job:
        now = self._database.now()
        with self._database.writing() as connection:
            if isinstance(made, GeneratedSet):
                hold_examinations(connection, now)
            job = self._rows.fenced(connection, claim)
            ended = job.succeed(job_events.result_of(made), now)
            self._rows.write_move(connection, job, ended)
            if ended.state is JobState.SUCCEEDED:
                _keep(connection, made, job.tenant)
                add_counts(connection, statistics.counts_of_output(made))
                if isinstance(made, GeneratedSet):
                    write_entry(connection, verdict_on(made.synthetic_set, job), now)
                    found = Message.of_set(made.synthetic_set, job)
                    announce(connection, job.tenant, found, now)
                if isinstance(made, PushedSet):
                    write_entry(connection, push_of(made, job), now)
            return ended

    @override
    def fail(self, claim: Claim, problem: Problem) -> Job:
        return self._rows.move_fenced(claim, lambda job: job.fail(problem, self._database.now()))

    @override
    def finish_cancelled(self, claim: Claim) -> Job:
        return self._rows.move_fenced(claim, lambda job: job.finish_cancelled(self._database.now()))

    @override
    def put_back(self, claim: Claim, problem: Problem) -> Job:
        return self._rows.move_fenced(
            claim,
            lambda job: job.put_back(self._database.now()),
            [job_events.entry_of_problem(problem)],
        )

    @override
    def hand_back(self, claim: Claim) -> Job:
        return self._rows.move_fenced(claim, lambda job: job.hand_back(self._database.now()))

    @override
    def give_up(
        self,
        claim: Claim,
        reason: str,
        max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    ) -> Job:
        with self._database.writing() as connection:
            job = self._rows.fenced(connection, claim)
            moved = job.requeue(self._database.now(), max_attempts_without_checkpoint)
            lost = job_events.entry_of_lost_attempt(job, reason)
            self._rows.write_move(connection, job, moved, [lost])
            add_counts(connection, statistics.counts_of_lost_leases([job]))
            return moved

    @override
    def expire_leases(
        self, max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT
    ) -> list[Job]:
        held = select(t.jobs).where(t.jobs.c.state.in_(HELD_STATES))
        with self._database.writing() as connection:
            ended = t.jobs.c.lease_expires_at < self._database.shared_clock.now(connection)
            in_order = held.where(ended).order_by(t.jobs.c.tenant, t.jobs.c.id)
            lost = in_order.with_for_update(skip_locked=True)
            jobs = [job_of(row) for row in connection.execute(lost).mappings().all()]
            moved = [
                self._rows.write_move(
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
        case PushedSet() | ScoredImages() | PreviewedModel() | PreparedModel():
            pass  # kept by another system, by the name of the job, or beside the dataset's pixels


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
