"""Records in SQLite or PostgreSQL: each method one transaction, each worker's write fenced."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, or_, select, update

from service.adapters import sql_tables as t
from service.adapters.sql_engine import unavailable_by_name
from service.adapters.sql_reads import SqlReads, sets_of_model
from service.adapters.sql_writes import (
    append,
    fenced_job,
    forget_patients,
    hold_examinations,
    insert_if_new,
    keep_examination,
    locked,
    locked_job,
    make_set_visible,
    replace_dataset,
    replace_set,
    take_key,
    write_job,
    write_patients,
)
from service.domain import errors, job_events, release_rules
from service.domain.errors import Problem
from service.domain.job import (
    HELD,
    MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    Claim,
    Job,
    JobProgress,
    JobState,
)
from service.domain.ports import Clock, EventDraft, Idempotency
from service.domain.records import Dataset, Model, SyntheticSet

_DONE = [str(state) for state in JobState if state.done]
_HELD = [str(state) for state in HELD]


class SqlRecords(SqlReads):
    """The writing half, on top of the reading half.

    Args:
        engine: From `sql_engine.open_engine`.
        clock: Whose time is written.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        super().__init__(engine)
        self._engine = engine
        self._clock = clock

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with unavailable_by_name(), self._engine.begin() as connection:
            yield connection

    # -- written by the API ------------------------------------------------------------------

    def submit(
        self, job: Job, *, idempotency: Idempotency | None = None, dataset: Dataset | None = None
    ) -> Job:
        """Write a new job with its key and dataset, or return the earlier one."""
        with self._writing() as connection:
            if idempotency:
                earlier = take_key(connection, idempotency, job.id)
                if earlier:
                    return locked_job(connection, earlier)
            if dataset:
                connection.execute(insert(t.datasets), t.DATASETS.row(dataset))
            connection.execute(insert(t.jobs), {**t.job_row(job), "num_events": 0})
            append(connection, job.id, job_events.entries_of_move(job), self._clock.now())
            return job

    def request_cancel(self, job_id: str) -> Job:
        """Cancel or ask to."""
        return self._move(job_id, lambda job: job.request_cancel(self._clock.now()))

    def retry(self, job_id: str) -> Job:
        """Queue again."""
        return self._move(job_id, Job.retry)

    def delete_job(self, job_id: str) -> Job:
        """Remove a job that is done."""
        with self._writing() as connection:
            job = locked_job(connection, job_id)
            job.must_be_done()
            connection.execute(delete(t.events).where(t.events.c.job_id == job_id))
            keys = t.idempotency_keys
            connection.execute(delete(keys).where(keys.c.job_id == job_id))
            connection.execute(delete(t.jobs).where(t.jobs.c.id == job_id))
            return job

    def delete_dataset(self, dataset_id: str) -> Dataset:
        """Remove a dataset no unfinished job needs."""
        jobs = t.jobs.c
        needed_by = select(jobs.id).where(jobs.dataset_id == dataset_id, ~jobs.state.in_(_DONE))
        with self._writing() as connection:
            dataset = locked(connection, t.DATASETS, dataset_id)
            if dataset is None:
                raise errors.DatasetNotFound.named(dataset_id)
            job_id = connection.execute(needed_by.limit(1)).scalar()
            if job_id:
                raise errors.DatasetInUse.by(dataset_id, job_id)
            connection.execute(delete(t.datasets).where(t.datasets.c.id == dataset_id))
            forget_patients(connection, dataset_id)
            return dataset

    def delete_synthetic_set(self, synthetic_set_id: str) -> SyntheticSet:
        """Remove a set, or withdraw it."""
        with self._writing() as connection:
            made = locked(connection, t.SYNTHETIC_SETS, synthetic_set_id)
            if made is None or made.withdrawn:
                raise errors.SyntheticSetNotFound.named(synthetic_set_id)
            if made.stays_known:
                return replace_set(connection, replace(made, withdrawn=True))
            sets = t.synthetic_sets
            connection.execute(delete(sets).where(sets.c.id == synthetic_set_id))
            return made

    def read_findings(self, synthetic_set_id: str, max_sets: int) -> SyntheticSet:
        """Note that a set's findings are read."""
        with self._writing() as connection:
            made = locked(connection, t.SYNTHETIC_SETS, synthetic_set_id)
            if made is None or made.withdrawn:
                raise errors.SyntheticSetNotFound.named(synthetic_set_id)
            if not made.findings_read:
                locked(connection, t.MODELS, made.model_id)  # so that two readers are counted both
                release_rules.check_findings(
                    made, sets_of_model(connection, made.model_id), max_sets
                )
                replace_set(connection, replace(made, findings_read=True))
            return made

    # -- written by workers ------------------------------------------------------------------

    def claim(self, job_id: str, *, worker: str, lease_seconds: float) -> Job | None:
        """Take a queued job; a row somebody else is just taking is passed over."""
        query = (
            select(t.jobs)
            .where(t.jobs.c.id == job_id, t.jobs.c.state == "queued")
            .with_for_update(skip_locked=True)
        )
        with self._writing() as connection:
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            job = t.job_of(row)
            return self._write(connection, job, job.claim(worker, self._clock.now(), lease_seconds))

    def heartbeat(self, claim: Claim, lease_seconds: float) -> bool:
        """Renew a lease; no version: nobody outside sees it."""
        jobs = t.jobs.c
        renew = (
            update(t.jobs)
            .where(jobs.id == claim.job_id, jobs.attempt == claim.attempt, jobs.state.in_(_HELD))
            .values(lease_expires_at=self._clock.now() + timedelta(seconds=lease_seconds))
            .returning(jobs.state)
        )
        with self._writing() as connection:
            state = connection.execute(renew).scalar()
        if state is None:
            job_events.check_fence(None, claim)
        return bool(state == JobState.CANCELLING)

    def record(
        self,
        claim: Claim,
        *,
        progress: JobProgress | None = None,
        metrics: Mapping[str, float] | None = None,
        events: Sequence[EventDraft] = (),
        checkpoint: bool = False,
    ) -> None:
        """Write a report."""
        with self._writing() as connection:
            job = fenced_job(connection, claim)
            reported = job.report(progress=progress, metrics=metrics, checkpoint=checkpoint)
            entries = job_events.entries_of_report(progress, metrics, events)
            write_job(connection, job, reported, entries, self._clock.now())

    def succeed(
        self,
        claim: Claim,
        *,
        dataset: Dataset | None = None,
        trained_patients: Sequence[int] = (),
        model: Model | None = None,
        synthetic_set: SyntheticSet | None = None,
        tally: Mapping[str, Any] | None = None,
        examined_after: Sequence[str] = (),
    ) -> Job:
        """End with a result."""
        result = job_events.result_of(dataset, model, synthetic_set)
        with self._writing() as connection:
            if synthetic_set:
                hold_examinations(connection, self._clock.now())
            job = fenced_job(connection, claim)
            ended = self._write(connection, job, job.succeed(result, self._clock.now()))
            if ended.state is JobState.SUCCEEDED:
                if dataset:
                    replace_dataset(connection, dataset)
                    write_patients(connection, dataset.id, trained_patients)
                if model:
                    connection.execute(insert(t.models), t.MODELS.row(model))
                if synthetic_set:
                    keep_examination(connection, synthetic_set, tally or {}, examined_after)
                    make_set_visible(connection, synthetic_set)
            return ended

    def fail(self, claim: Claim, problem: Problem) -> Job:
        """End with a problem."""
        return self._fenced(claim, lambda job: job.fail(problem, self._clock.now()))

    def finish_cancelled(self, claim: Claim) -> Job:
        """End on request."""
        return self._fenced(claim, lambda job: job.finish_cancelled(self._clock.now()))

    def put_back(self, claim: Claim, problem: Problem) -> Job:
        """Queue again because of another job."""
        return self._fenced(
            claim,
            lambda job: job.put_back(self._clock.now()),
            [job_events.entry_of_problem(problem)],
        )

    # -- called by the scheduler -------------------------------------------------------------

    def expire_leases(
        self,
        now: datetime,
        max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    ) -> list[Job]:
        """Move jobs whose worker is gone."""
        lost = (
            select(t.jobs)
            .where(t.jobs.c.state.in_(_HELD), t.jobs.c.lease_expires_at < now)
            .with_for_update(skip_locked=True)
        )
        with self._writing() as connection:
            jobs = [t.job_of(row) for row in connection.execute(lost).mappings().all()]
            return [
                self._write(connection, job, job.requeue(now, max_attempts_without_checkpoint))
                for job in jobs
            ]

    def hold_scheduler_lock(self, holder: str, seconds: float) -> bool:
        """Hold the lock if it is free, expired or ours."""
        now = self._clock.now()
        lock = {"holder": holder, "expires_at": now + timedelta(seconds=seconds)}
        free = or_(t.locks.c.holder == holder, t.locks.c.expires_at < now)
        take = update(t.locks).where(t.locks.c.name == "scheduler", free).values(lock)
        with self._writing() as connection:
            if connection.execute(take).rowcount:
                return True
            return insert_if_new(connection, t.locks, {"name": "scheduler", **lock})

    def _move(self, job_id: str, move: Callable[[Job], Job]) -> Job:
        with self._writing() as connection:
            job = locked_job(connection, job_id)
            return self._write(connection, job, move(job))

    def _fenced(
        self, claim: Claim, move: Callable[[Job], Job], before: Sequence[EventDraft] = ()
    ) -> Job:
        with self._writing() as connection:
            job = fenced_job(connection, claim)
            moved = move(job)
            entries = [*before, *job_events.entries_of_move(moved)]
            return write_job(connection, job, moved, entries, self._clock.now())

    def _write(self, connection: Connection, job: Job, moved: Job) -> Job:
        if moved is job:
            return job
        entries = job_events.entries_of_move(moved)
        return write_job(connection, job, moved, entries, self._clock.now())
