"""The twin of every adapter, in memory: for tests and for reading the ports as plain code."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from service.domain import errors, job_events, release_rules
from service.domain.errors import Problem
from service.domain.job import (
    HELD,
    MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    Claim,
    Event,
    EventKind,
    Job,
    JobKind,
    JobProgress,
    JobState,
)
from service.domain.paging import DEFAULT_LIMIT, Cursor, Page, page_of
from service.domain.ports import Clock, EventDraft, Idempotency
from service.domain.records import Dataset, ExaminedSet, Model, SyntheticSet

T = TypeVar("T")
R = TypeVar("R", Job, Dataset, Model, SyntheticSet)


class ManualClock:
    """A clock that moves when told."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)


@dataclass
class MemoryQueue:
    """A doorbell that remembers who rang.

    Attributes:
        rings: (queue, job id) in order.
        up: Whether it pretends to reach a broker.
    """

    rings: list[tuple[str, str]] = field(default_factory=list)
    up: bool = True

    def ring(self, queue: str, job_id: str) -> None:
        """Remember the ring."""
        self.rings.append((queue, job_id))

    def reachable(self) -> bool:
        """Say what it was told to say."""
        return self.up


class MemoryRecords:
    """Records in dictionaries under one lock; keeps every promise of the port but durability."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._logs: dict[str, list[Event]] = {}
        self._keys: dict[str, tuple[str, str]] = {}
        self._datasets: dict[str, Dataset] = {}
        self._models: dict[str, Model] = {}
        self._synthetic_sets: dict[str, SyntheticSet] = {}
        self._examined_sets: dict[str, ExaminedSet] = {}
        self._trained_patients: dict[str, frozenset[int]] = {}
        self._scheduler: tuple[str, datetime] | None = None

    def check(self) -> None:
        """Memory is always there."""

    def close(self) -> None:
        """Memory holds no connections."""

    def submit(
        self, job: Job, *, idempotency: Idempotency | None = None, dataset: Dataset | None = None
    ) -> Job:
        """Write a new job with its key and dataset, or return the earlier one."""
        with self._lock:
            if idempotency:
                earlier = self.submitted(idempotency)
                if earlier:
                    return earlier
                self._keys[idempotency.key] = (idempotency.fingerprint, job.id)
            if dataset:
                self._datasets[dataset.id] = dataset
            self._jobs[job.id] = job
            self._logs[job.id] = []
            self._append(job.id, job_events.entries_of_move(job))
            return job

    def submitted(self, idempotency: Idempotency) -> Job | None:
        """Return the job of a key."""
        with self._lock:
            known = self._keys.get(idempotency.key)
            if known is None:
                return None
            if known[0] != idempotency.fingerprint:
                raise errors.IdempotencyConflict.for_key(idempotency.key)
            return self._jobs[known[1]]

    def request_cancel(self, job_id: str) -> Job:
        """Cancel or ask to."""
        return self._move(job_id, lambda job: job.request_cancel(self._clock.now()))

    def retry(self, job_id: str) -> Job:
        """Queue again."""
        return self._move(job_id, Job.retry)

    def delete_job(self, job_id: str) -> Job:
        """Remove a job that is done."""
        with self._lock:
            job = self.job(job_id)
            job.must_be_done()
            del self._jobs[job_id], self._logs[job_id]
            self._keys = {k: v for k, v in self._keys.items() if v[1] != job_id}
            return job

    def delete_dataset(self, dataset_id: str) -> Dataset:
        """Remove a dataset no unfinished job needs."""
        with self._lock:
            dataset = self.dataset(dataset_id)
            for job in self._jobs.values():
                if not job.state.done and job.request.dataset_id == dataset_id:
                    raise errors.DatasetInUse.by(dataset_id, job.id)
            if all(each.dataset_id != dataset_id for each in self._examined_sets.values()):
                self._trained_patients.pop(dataset_id, None)
            return self._datasets.pop(dataset.id)

    def delete_synthetic_set(self, synthetic_set_id: str) -> SyntheticSet:
        """Remove a set, or withdraw it."""
        with self._lock:
            made = self.synthetic_set(synthetic_set_id)
            if made.stays_known:
                self._synthetic_sets[made.id] = replace(made, withdrawn=True)
                return self._synthetic_sets[made.id]
            return self._synthetic_sets.pop(made.id)

    def read_findings(self, synthetic_set_id: str, max_sets: int) -> SyntheticSet:
        """Note that a set's findings are read."""
        with self._lock:
            made = self.synthetic_set(synthetic_set_id)
            if not made.findings_read:
                release_rules.check_findings(made, list(self._synthetic_sets.values()), max_sets)
                self._synthetic_sets[made.id] = replace(made, findings_read=True)
            return made

    def job(self, job_id: str) -> Job:
        """Return a job."""
        return _get(self._jobs, job_id, errors.JobNotFound)

    def jobs(
        self,
        *,
        kind: JobKind | None = None,
        state: JobState | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Page[Job]:
        """List jobs."""
        with self._lock:
            found = [
                job
                for job in self._jobs.values()
                if kind in {None, job.kind} and state in {None, job.state}
            ]
        return _page(found, cursor, limit)

    def queue_position(self, job: Job) -> int | None:
        """Count who was first."""
        if job.state is not JobState.QUEUED:
            return None
        with self._lock:
            return sum(
                other.state is JobState.QUEUED and other.queue == job.queue and other.id < job.id
                for other in self._jobs.values()
            )

    def events(self, job_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """Return log entries."""
        return _get(self._logs, job_id, errors.JobNotFound)[max(after, 0) :][:limit]

    def dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset."""
        return _get(self._datasets, dataset_id, errors.DatasetNotFound)

    def datasets(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Dataset]:
        """List datasets."""
        return _page(list(self._datasets.values()), cursor, limit)

    def model(self, model_id: str) -> Model:
        """Return a model."""
        return _get(self._models, model_id, errors.ModelNotFound)

    def models(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Model]:
        """List models."""
        return _page(list(self._models.values()), cursor, limit)

    def synthetic_set(self, synthetic_set_id: str) -> SyntheticSet:
        """Return a set."""
        made = _get(self._synthetic_sets, synthetic_set_id, errors.SyntheticSetNotFound)
        if made.withdrawn:
            raise errors.SyntheticSetNotFound.named(synthetic_set_id)
        return made

    def synthetic_sets(
        self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[SyntheticSet]:
        """List sets."""
        there = [made for made in self._synthetic_sets.values() if not made.withdrawn]
        return _page(there, cursor, limit)

    def releases(self, dataset_id: str) -> list[SyntheticSet]:
        """Return the released sets of datasets that share patients."""
        with self._lock:
            return [
                self._synthetic_sets[each.id] for each in self.released_examinations(dataset_id)
            ]

    def released_examinations(self, dataset_id: str) -> list[ExaminedSet]:
        """Return the examinations of the same sets."""
        with self._lock:
            known = self._trained_patients
            ours = known.get(dataset_id, frozenset())
            return [
                each
                for each in sorted(self._examined_sets.values(), key=Cursor.after)
                if each.released
                and (
                    each.dataset_id == dataset_id or ours & known.get(each.dataset_id, frozenset())
                )
            ]

    def examined_sets(self, model_id: str) -> list[ExaminedSet]:
        """Return the examined sets of a model and its equals."""
        with self._lock:
            model = self._models.get(model_id)
            names = {model_id} | {
                each.id
                for each in self._models.values()
                if model and each.snapshot.sha256 == model.snapshot.sha256
            }
            examined = [each for each in self._examined_sets.values() if each.model_id in names]
        return sorted(examined, key=lambda each: each.number)

    def claim(self, job_id: str, *, worker: str, lease_seconds: float) -> Job | None:
        """Take a queued job."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.state is not JobState.QUEUED:
                return None
            return self._move(job_id, lambda j: j.claim(worker, self._clock.now(), lease_seconds))

    def heartbeat(self, claim: Claim, lease_seconds: float) -> bool:
        """Renew a lease."""
        with self._lock:
            job = job_events.check_fence(self._jobs.get(claim.job_id), claim)
            expires = self._clock.now() + timedelta(seconds=lease_seconds)
            self._jobs[job.id] = replace(job, lease_expires_at=expires)
            return job.cancel_requested

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
        with self._lock:
            job = job_events.check_fence(self._jobs.get(claim.job_id), claim)
            self._jobs[job.id] = job.report(
                progress=progress, metrics=metrics, checkpoint=checkpoint
            )
            self._append(job.id, job_events.entries_of_report(progress, metrics, events))

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
        with self._lock:
            fenced = job_events.check_fence(self._jobs.get(claim.job_id), claim)
            examined = None
            if synthetic_set and not fenced.cancel_requested:
                examined = release_rules.examined(
                    synthetic_set,
                    tally or {},
                    self.examined_sets(synthetic_set.model_id),
                    self.released_examinations(synthetic_set.dataset_id),
                    examined_after,
                )
            job = self._fenced(claim, lambda job: job.succeed(result, self._clock.now()))
            if job.state is JobState.SUCCEEDED:
                if examined:
                    self._examined_sets[examined.id] = examined
                if dataset:
                    self._datasets[dataset.id] = dataset
                    self._trained_patients[dataset.id] = frozenset(trained_patients)
                if model:
                    self._models[model.id] = model
                if synthetic_set:
                    there = self._synthetic_sets.get(synthetic_set.id)
                    if there is None:
                        self._synthetic_sets[synthetic_set.id] = synthetic_set
                    elif there.withdrawn:
                        again = release_rules.set_after_withdrawal(there, synthetic_set)
                        self._synthetic_sets[again.id] = again
            return job

    def fail(self, claim: Claim, problem: Problem) -> Job:
        """End with a problem."""
        return self._fenced(claim, lambda job: job.fail(problem, self._clock.now()))

    def finish_cancelled(self, claim: Claim) -> Job:
        """End on request."""
        return self._fenced(claim, lambda job: job.finish_cancelled(self._clock.now()))

    def put_back(self, claim: Claim, problem: Problem) -> Job:
        """Queue again because of another job."""
        with self._lock:
            job_events.check_fence(self._jobs.get(claim.job_id), claim)
            self._append(claim.job_id, [job_events.entry_of_problem(problem)])
            return self._fenced(claim, lambda job: job.put_back(self._clock.now()))

    def queued_jobs(self, queue: str, limit: int = 100) -> list[Job]:
        """Return waiting jobs."""
        with self._lock:
            waiting = [job for job in self._jobs.values() if job.state is JobState.QUEUED]
        return sorted((job for job in waiting if job.queue == queue), key=lambda job: job.id)[
            :limit
        ]

    def expire_leases(
        self,
        now: datetime,
        max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    ) -> list[Job]:
        """Move jobs whose worker is gone."""
        with self._lock:
            lost = [
                job
                for job in self._jobs.values()
                if job.state in HELD and job.lease_expires_at and job.lease_expires_at < now
            ]
            return [
                self._fenced(
                    job.claim_held, lambda j: j.requeue(now, max_attempts_without_checkpoint)
                )
                for job in lost
            ]

    def hold_scheduler_lock(self, holder: str, seconds: float) -> bool:
        """Hold the lock if it is free, expired or ours."""
        now = self._clock.now()
        with self._lock:
            if self._scheduler and self._scheduler[0] != holder and self._scheduler[1] > now:
                return False
            self._scheduler = (holder, now + timedelta(seconds=seconds))
            return True

    def referenced_artifacts(self) -> set[str]:
        """Return folders in use."""
        with self._lock:
            folders = [d.artifact.folder for d in self._datasets.values() if d.artifact]
            folders += [model.snapshot.folder for model in self._models.values()]
            sets = self._synthetic_sets.values()
            folders += [each.folder for made in sets for each in made.artifacts]
            checkpoints = [job_events.checkpoint_folder(job) for job in self._jobs.values()]
        return {*folders, *filter(None, checkpoints)}

    def _fenced(self, claim: Claim, move: Callable[[Job], Job]) -> Job:
        with self._lock:
            job_events.check_fence(self._jobs.get(claim.job_id), claim)
            return self._move(claim.job_id, move)

    def _move(self, job_id: str, move: Callable[[Job], Job]) -> Job:
        with self._lock:
            job = self.job(job_id)
            moved = move(job)
            if moved is not job:
                self._jobs[job_id] = moved
                self._append(job_id, job_events.entries_of_move(moved))
                dataset = self._datasets.get(job_events.dataset_followed(moved) or "")
                if dataset:
                    self._datasets[dataset.id] = job_events.dataset_after(dataset, moved)
            return moved

    def _append(self, job_id: str, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        log = self._logs[job_id]
        for kind, data in entries:
            log.append(Event(len(log) + 1, EventKind(kind), self._clock.now(), data))


def _get(table: Mapping[str, T], key: str, missing: type[errors.NotFound]) -> T:
    try:
        return table[key]
    except KeyError:
        raise missing.named(key) from None


def _page(found: list[R], cursor: str | None, limit: int) -> Page[R]:
    start = Cursor.parse(cursor)
    newest_first = sorted(found, key=Cursor.after, reverse=True)
    rest = [record for record in newest_first if start is None or Cursor.after(record) < start]
    return page_of(rest[: limit + 1], limit)
