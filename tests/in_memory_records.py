"""The records in memory: for tests, and to read the ports as plain code."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from typing_extensions import override

from service.domain import errors, job_events, quotas, release_rules, statistics
from service.domain.api_keys import LAST_USE_RESOLUTION, ApiKey
from service.domain.audit import (
    FINISH_DELETION,
    SET_POLICY,
    AuditDraft,
    AuditEntry,
    AuditHead,
    push_of,
    verdict_on,
)
from service.domain.caller import DEFAULT_TENANT
from service.domain.deletion import Deletion, RecordKind, Removed
from service.domain.deletion_rules import DeletionPlan, Related, dataset_deletion, model_deletion
from service.domain.errors import Problem
from service.domain.identifiers import new_id
from service.domain.job import (
    HELD,
    MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    Claim,
    Event,
    EventKind,
    Job,
    JobKind,
    JobProgress,
    JobRevision,
    JobState,
)
from service.domain.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Page,
    number_after,
    numbered_page,
    page_of,
)
from service.domain.ports import Clock
from service.domain.quotas import Quotas, use_of
from service.domain.record_ports import (
    ApiKeys,
    AuditLog,
    Catalog,
    Database,
    Deletions,
    EventDraft,
    Idempotency,
    Jobs,
    Records,
    Releases,
    StatisticsSource,
    Workers,
)
from service.domain.records import (
    Dataset,
    ExaminedSet,
    GeneratedSet,
    IngestedDataset,
    JobOutput,
    Model,
    PushedSet,
    SyntheticSet,
    TrainedModel,
)
from service.domain.statistics import CountKey, Statistics
from service.domain.worker import Worker, WorkerReport

T = TypeVar("T")
D = TypeVar("D", Dataset, Model, SyntheticSet, ExaminedSet, Deletion)
R = TypeVar("R", Job, Dataset, Model, SyntheticSet, ApiKey, Deletion)


@dataclass
class MemoryStore(Database):
    """Records in dictionaries under one lock; keeps every promise but durability."""

    clock: Clock
    lock: threading.RLock = field(default_factory=threading.RLock)
    jobs: dict[str, Job] = field(default_factory=dict)
    logs: dict[str, list[Event]] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    synthetic_sets: dict[str, SyntheticSet] = field(default_factory=dict)
    examined_sets: dict[str, ExaminedSet] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)  # the first model of each one's line
    trained_patients: dict[str, frozenset[int]] = field(default_factory=dict)
    deletions: dict[str, Deletion] = field(default_factory=dict)
    audit: dict[str, list[AuditEntry]] = field(default_factory=dict)
    scheduler: tuple[str, datetime] | None = None
    tenants: dict[str, str] = field(default_factory=dict)  # of datasets, models and sets
    num_bytes: dict[str, int] = field(default_factory=dict)  # of datasets
    seconds: dict[tuple[str, date], float] = field(default_factory=lambda: defaultdict(float))
    images: Counter[tuple[str, date]] = field(default_factory=Counter)
    workers: dict[str, Worker] = field(default_factory=dict)
    api_keys: dict[str, ApiKey] = field(default_factory=dict)
    counts: dict[CountKey, float] = field(default_factory=dict)

    @override
    def check(self) -> None:
        pass

    @override
    def wipe(self) -> None:
        pass

    @override
    def close(self) -> None:
        pass

    def count(self, more: Mapping[CountKey, float]) -> None:
        """Add to the counts."""
        for key, number in more.items():
            self.counts[key] = self.counts.get(key, 0) + number

    def write_entry(self, draft: AuditDraft | None) -> None:
        """Continue a tenant's chain, if there is something to write."""
        if draft:
            entries = self.audit.setdefault(draft.tenant, [])
            head = entries[-1].head if entries else AuditHead(draft.tenant)
            entries.append(AuditEntry.after(head, draft, self.clock.now()))

    def records(self, tenant: str | None = None) -> Records:
        """Return the ports that read and write here: records of one tenant, or of all."""
        return Records(
            self,
            MemoryJobs(self, tenant),
            MemoryCatalog(self, tenant),
            MemoryReleases(self, tenant),
            MemoryWorkers(self),
            MemoryApiKeys(self),
            MemoryDeletions(self, tenant),
            MemoryAuditLog(self),
            self.records,
            MemoryStatistics(self),
        )

    def jobs_of(self, tenant: str | None) -> dict[str, Job]:
        """Return the jobs that are there for a tenant."""
        return {job.id: job for job in self.jobs.values() if tenant in {None, job.tenant}}

    def of(self, tenant: str | None, table: Mapping[str, D]) -> dict[str, D]:
        """Return the records of a table that are there for a tenant."""
        return {k: v for k, v in table.items() if tenant in {None, self.tenants.get(k)}}

    def use(self, tenant: str) -> quotas.Use:
        """Return what a tenant uses of its quotas."""
        now = self.clock.now()
        today = (tenant, now.astimezone(UTC).date())
        not_done = [job for job in self.jobs_of(tenant).values() if not job.state.done]
        taken = [
            max(sum(s for day, s in quotas.seconds_by_day(job, now) if day == today[1]), least)
            for job in not_done
            for least in [quotas.budget_seconds(job)]
        ]
        datasets = self.of(tenant, self.datasets)
        return quotas.Use(
            queued_jobs=sum(job.state is JobState.QUEUED for job in not_done),
            worker_seconds=self.seconds[today] + sum(taken),
            stored_bytes=sum(self.num_bytes[name] for name in datasets),
            images=self.images[today] + sum(quotas.num_images(job) or 0 for job in not_done),
        )

    def check_quotas(self, limits: Quotas | None, tenant: str, added: quotas.Use) -> None:
        """Check what a job adds to what its tenant uses."""
        if limits:
            quotas.check(limits, self.use(tenant), added, self.clock.now())


class MemoryJobs(Jobs):
    """The jobs of a store."""

    def __init__(self, store: MemoryStore, tenant: str | None) -> None:
        self._store = store
        self._tenant = tenant

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
        store = self._store
        job = replace(job, tenant=self._tenant or job.tenant)
        with store.lock:
            if idempotency:
                earlier = self.submitted(idempotency)
                if earlier:
                    return earlier
            if job.state is JobState.QUEUED:
                store.check_quotas(
                    quotas, job.tenant, use_of(job, stored_bytes if dataset else None)
                )
            if idempotency:
                name = (job.tenant, idempotency.key)
                store.keys[name] = (idempotency.fingerprint, job.id)
            if dataset:
                store.datasets[dataset.id] = dataset
                store.tenants[dataset.id] = job.tenant
                store.num_bytes[dataset.id] = stored_bytes
            store.jobs[job.id] = job
            store.logs[job.id] = []
            self._append(job.id, job_events.entries_of_move(job))
            store.write_entry(audit)
            return job

    @override
    def submitted(self, idempotency: Idempotency) -> Job | None:
        with self._store.lock:
            tenant = self._tenant or DEFAULT_TENANT
            known = self._store.keys.get((tenant, idempotency.key))
            if known is None:
                return None
            if known[0] != idempotency.fingerprint:
                raise errors.IdempotencyConflict.for_key(idempotency.key)
            return self._store.jobs[known[1]]

    @override
    def request_cancel(self, job_id: str) -> Job:
        return self._move(job_id, lambda job: job.request_cancel(self._store.clock.now()))

    @override
    def retry(self, job_id: str, *, quotas: Quotas | None = None) -> Job:
        with self._store.lock:
            job = self.job(job_id)
            job.retry()
            self._store.check_quotas(quotas, job.tenant, use_of(job))
            return self._move(job_id, Job.retry)

    @override
    def delete_job(self, job_id: str, audit: AuditDraft | None = None) -> Job:
        store = self._store
        with store.lock:
            job = self.job(job_id)
            job.must_be_done()
            _remove_job(store, job_id)
            store.write_entry(audit)
            return job

    @override
    def job(self, job_id: str) -> Job:
        return _get(self._store.jobs_of(self._tenant), job_id, errors.JobNotFound)

    @override
    def some_jobs(self, job_ids: Sequence[str]) -> list[Job]:
        with self._store.lock:
            there = self._store.jobs_of(self._tenant)
            return [there[job_id] for job_id in job_ids if job_id in there]

    @override
    def jobs(
        self,
        *,
        kind: JobKind | None = None,
        state: JobState | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Page[Job]:
        with self._store.lock:
            found = [
                job
                for job in self._store.jobs_of(self._tenant).values()
                if kind in {None, job.kind} and state in {None, job.state}
            ]
        return _page(found, cursor, limit)

    @override
    def revisions(self, job_ids: Sequence[str]) -> dict[str, JobRevision]:
        with self._store.lock:
            return {
                job.id: JobRevision(job.version, len(self._store.logs[job.id]))
                for job in self.some_jobs(job_ids)
            }

    @override
    def queue_positions(self, jobs: Sequence[Job]) -> dict[str, int]:
        wanted = {job.id for job in jobs if job.state is JobState.QUEUED}
        return {
            job.id: place
            for queue in {job.queue for job in jobs}
            for place, job in enumerate(self._waiting(queue))
            if job.id in wanted
        }

    @override
    def events(self, job_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        return self._store.logs[self.job(job_id).id][max(after, 0) :][:limit]

    @override
    def claim(self, job_id: str, *, worker: str, lease_seconds: float) -> Job | None:
        with self._store.lock:
            job = self._store.jobs.get(job_id)
            if job is None or job.state is not JobState.QUEUED:
                return None
            now = self._store.clock.now()
            return self._move(job_id, lambda job: job.claim(worker, now, lease_seconds))

    @override
    def heartbeat(self, claim: Claim, lease_seconds: float) -> bool:
        with self._store.lock:
            job = self._fenced(claim)
            expires = self._store.clock.now() + timedelta(seconds=lease_seconds)
            self._store.jobs[job.id] = replace(job, lease_expires_at=expires)
            return job.cancel_requested

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
        with self._store.lock:
            job = self._fenced(claim)
            self._store.jobs[job.id] = job.report(
                progress=progress, metrics=metrics, checkpoint=checkpoint
            )
            self._append(job.id, job_events.entries_of_report(progress, metrics, events))

    @override
    def succeed(self, claim: Claim, made: JobOutput) -> Job:
        with self._store.lock:
            held = self._fenced(claim)
            examined = None
            if isinstance(made, GeneratedSet) and not held.cancel_requested:
                examined = MemoryReleases(self._store, None).examined(made)
            result, now = job_events.result_of(made), self._store.clock.now()
            held = self._fenced(claim)
            job = self._move_fenced(claim, lambda job: job.succeed(result, now))
            if job.state is JobState.SUCCEEDED:
                self._keep(made, examined, held.tenant)
                self._store.count(statistics.counts_of_output(made))
                if isinstance(made, GeneratedSet):
                    self._store.write_entry(verdict_on(made.synthetic_set, held))
                if isinstance(made, PushedSet):
                    self._store.write_entry(push_of(made, held))
            return job

    @override
    def fail(self, claim: Claim, problem: Problem) -> Job:
        now = self._store.clock.now()
        return self._move_fenced(claim, lambda job: job.fail(problem, now))

    @override
    def finish_cancelled(self, claim: Claim) -> Job:
        now = self._store.clock.now()
        return self._move_fenced(claim, lambda job: job.finish_cancelled(now))

    @override
    def put_back(self, claim: Claim, problem: Problem) -> Job:
        with self._store.lock:
            self._fenced(claim)
            self._append(claim.job_id, [job_events.entry_of_problem(problem)])
            now = self._store.clock.now()
            return self._move_fenced(claim, lambda job: job.put_back(now))

    @override
    def hand_back(self, claim: Claim) -> Job:
        now = self._store.clock.now()
        return self._move_fenced(claim, lambda job: job.hand_back(now))

    @override
    def held_by(self, worker: str) -> Job | None:
        jobs = self._store.jobs.values()
        held = (job for job in jobs if job.state in HELD and job.worker == worker)
        return next(held, None)

    @override
    def give_up(
        self,
        claim: Claim,
        reason: str,
        max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    ) -> Job:
        with self._store.lock:
            job = self._fenced(claim)
            self._append(claim.job_id, [job_events.entry_of_lost_attempt(job, reason)])
            self._store.count(statistics.counts_of_lost_leases([job]))
            now = self._store.clock.now()
            return self._move_fenced(
                claim, lambda job: job.requeue(now, max_attempts_without_checkpoint)
            )

    @override
    def num_queued(self) -> dict[str, int]:
        jobs = self._store.jobs.values()
        return dict(Counter(job.queue for job in jobs if job.state is JobState.QUEUED))

    @override
    def next_queued(self, queues: Sequence[str]) -> str | None:
        waiting = [job.id for queue in queues for job in self._waiting(queue)[:1]]
        return min(waiting, default=None)

    @override
    def queued_jobs(self, queue: str, limit: int = 100) -> list[Job]:
        return self._waiting(queue)[:limit]

    @override
    def expire_leases(
        self, max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT
    ) -> list[Job]:
        with self._store.lock:
            now = self._store.clock.now()
            lost = [
                job
                for job in self._store.jobs.values()
                if job.state in HELD and job.lease_expires_at and job.lease_expires_at < now
            ]
            return [
                self.give_up(
                    job.claim_held, job_events.NO_SIGN_OF_LIFE, max_attempts_without_checkpoint
                )
                for job in lost
            ]

    @override
    def hold_scheduler_lock(self, holder: str, seconds: float) -> bool:
        store, now = self._store, self._store.clock.now()
        with store.lock:
            if store.scheduler and store.scheduler[0] != holder and store.scheduler[1] > now:
                return False
            store.scheduler = (holder, now + timedelta(seconds=seconds))
            return True

    @override
    def scheduler_is_late(self) -> bool:
        held = self._store.scheduler
        return held is None or held[1] < self._store.clock.now()

    def _waiting(self, queue: str) -> list[Job]:
        with self._store.lock:
            jobs = self._store.jobs_of(self._tenant).values()
            waiting = [job for job in jobs if job.state is JobState.QUEUED and job.queue == queue]
        return sorted(waiting, key=lambda job: job.id)

    def _keep(self, made: JobOutput, examined: ExaminedSet | None, tenant: str) -> None:
        """Make visible to its tenant what a job made."""
        store = self._store
        match made:
            case IngestedDataset(dataset, patients):
                store.datasets[dataset.id] = dataset
                store.num_bytes[dataset.id] = dataset.artifact.num_bytes if dataset.artifact else 0
                store.trained_patients[dataset.id] = frozenset(patients)
            case TrainedModel(model):
                store.models[model.id] = model
                start = model.card.warm_start
                origin = start.private_model if start else None
                store.lines[model.id] = store.lines.get(origin, origin) if origin else model.id
                store.tenants[model.id] = tenant
                known = store.trained_patients
                for each in (model.dataset_id, *model.inherited) if model.inherited else ():
                    theirs = known.get(each, frozenset())
                    known[model.dataset_id] = known.get(model.dataset_id, frozenset()) | theirs
            case GeneratedSet(new):
                store.tenants.setdefault(new.id, tenant)
                if examined:
                    store.examined_sets[examined.id] = examined
                there = store.synthetic_sets.get(new.id)
                if there is None:
                    store.synthetic_sets[new.id] = new
                elif there.withdrawn:
                    again = release_rules.set_after_withdrawal(there, new)
                    store.synthetic_sets[again.id] = again

    def _fenced(self, claim: Claim) -> Job:
        return job_events.check_fence(self._store.jobs.get(claim.job_id), claim)

    def _move_fenced(self, claim: Claim, move: Callable[[Job], Job]) -> Job:
        with self._store.lock:
            self._fenced(claim)
            return self._move(claim.job_id, move)

    def _move(self, job_id: str, move: Callable[[Job], Job]) -> Job:
        store = self._store
        with store.lock:
            job = self.job(job_id)
            moved = move(job)
            if moved is not job:
                store.jobs[job_id] = moved
                self._append(job_id, job_events.entries_of_move(moved))
                self._book(job, moved)
                store.count(statistics.counts_of_move(job, moved, store.clock.now()))
                dataset = store.datasets.get(job_events.dataset_followed(moved) or "")
                if dataset:
                    store.datasets[dataset.id] = job_events.dataset_after(dataset, moved)
            return moved

    def _book(self, job: Job, moved: Job) -> None:
        """Book the time that a worker spent on a job, and what it generated."""
        if moved.state in HELD:
            return
        store = self._store
        spent = list(quotas.seconds_by_day(job, store.clock.now()))
        for day, seconds in spent:
            store.seconds[job.tenant, day] += seconds
        if spent and moved.state is JobState.SUCCEEDED:
            store.images[job.tenant, spent[-1][0]] += quotas.num_images(job) or 0

    def _append(self, job_id: str, entries: Sequence[EventDraft]) -> None:
        log = self._store.logs[job_id]
        for kind, data in entries:
            log.append(Event(len(log) + 1, EventKind(kind), self._store.clock.now(), data))


class MemoryWorkers(Workers):
    """The workers of a store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    @override
    def report(self, report: WorkerReport) -> None:
        with self._store.lock:
            now, known = self._store.clock.now(), self._store.workers.get(report.name)
            started_at = known.started_at if known else now
            self._store.workers[report.name] = Worker(report, started_at, now, 0.0)

    @override
    def leave(self, name: str) -> None:
        self._store.workers.pop(name, None)

    @override
    def all(self) -> list[Worker]:
        now = self._store.clock.now()
        return [
            replace(worker, silent_seconds=(now - worker.last_seen).total_seconds())
            for _, worker in sorted(self._store.workers.items())
        ]

    @override
    def forget_silent(self, seconds: float) -> None:
        for worker in self.all():
            if worker.silent_seconds > seconds:
                self.leave(worker.report.name)

    @override
    def clock_ahead_seconds(self) -> float:
        return 0.0


class MemoryCatalog(Catalog):
    """The datasets and models of a store."""

    def __init__(self, store: MemoryStore, tenant: str | None) -> None:
        self._store = store
        self._tenant = tenant

    @property
    def _datasets(self) -> dict[str, Dataset]:
        return self._store.of(self._tenant, self._store.datasets)

    @property
    def _models(self) -> dict[str, Model]:
        return self._store.of(self._tenant, self._store.models)

    @override
    def dataset(self, dataset_id: str) -> Dataset:
        return _get(self._datasets, dataset_id, errors.DatasetNotFound)

    @override
    def datasets(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Dataset]:
        return _page(list(self._datasets.values()), cursor, limit)

    @override
    def newest_split_dataset(self) -> Dataset | None:
        split = [dataset for dataset in self._datasets.values() if dataset.version]
        return max(split, key=Cursor.after, default=None)

    @override
    def model(self, model_id: str) -> Model:
        model = _get(self._models, model_id, errors.ModelNotFound)
        if model.deleted:
            raise errors.ModelNotFound.named(model_id)
        return model

    @override
    def models(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Model]:
        there = [model for model in self._models.values() if not model.deleted]
        return _page(there, cursor, limit)

    @override
    def private_models(self, dataset_version: str) -> Sequence[Model]:
        found = [
            model
            for model in self._models.values()
            if model.card.differential_privacy and model.card.dataset_version == dataset_version
        ]
        return sorted(found, key=Cursor.after)

    @override
    def referenced_artifacts(self) -> set[str]:
        store = self._store
        with store.lock:
            folders = [each.artifact.folder for each in store.datasets.values() if each.artifact]
            there = [model for model in store.models.values() if not model.deleted]
            folders += [model.snapshot.folder for model in there]
            folders += [made.report.folder for made in store.synthetic_sets.values()]
            checkpoints = [job_events.checkpoint_folder(job) for job in store.jobs.values()]
            named_by_job = (
                job_events.NAMED_BY_JOB[job.kind](job.id)
                for job in store.jobs.values()
                if job.kind in job_events.NAMED_BY_JOB and job.state is JobState.SUCCEEDED
            )
            return {*folders, *filter(None, checkpoints), *named_by_job}


class MemoryStatistics(StatisticsSource):
    """The statistics of a store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    @override
    def read(self) -> Statistics:
        store, now = self._store, self._store.clock.now()
        with store.lock:
            waited: dict[str, float] = {}
            for job in store.jobs.values():
                if job.state is JobState.QUEUED:
                    [*_, last] = (each for each in store.logs[job.id] if each.kind == "state")
                    seconds = (now - last.at).total_seconds()
                    waited[job.queue] = max(seconds, waited.get(job.queue, 0.0))
            return Statistics(
                jobs=Counter((job.queue, str(job.state)) for job in store.jobs.values()),
                oldest_queued_seconds=waited,
                records={
                    "datasets": len(store.datasets),
                    "models": len(store.models),
                    "synthetic_sets": len(store.synthetic_sets),
                },
                counts=dict(store.counts),
            )


class MemoryReleases(Releases):
    """The synthetic sets of a store."""

    def __init__(self, store: MemoryStore, tenant: str | None) -> None:
        self._store = store
        self._tenant = tenant

    @property
    def _sets(self) -> dict[str, SyntheticSet]:
        return self._store.of(self._tenant, self._store.synthetic_sets)

    @property
    def _examined(self) -> dict[str, ExaminedSet]:
        return self._store.of(self._tenant, self._store.examined_sets)

    @override
    def synthetic_set(self, synthetic_set_id: str) -> SyntheticSet:
        made = _get(self._sets, synthetic_set_id, errors.SyntheticSetNotFound)
        if made.withdrawn:
            raise errors.SyntheticSetNotFound.named(synthetic_set_id)
        return made

    @override
    def synthetic_sets(
        self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[SyntheticSet]:
        there = [made for made in self._sets.values() if not made.withdrawn]
        return _page(there, cursor, limit)

    @override
    def delete_synthetic_set(
        self, synthetic_set_id: str, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        sets = self._store.synthetic_sets
        with self._store.lock:
            made = self.synthetic_set(synthetic_set_id)
            self._store.write_entry(audit)
            if made.stays_known:
                sets[made.id] = replace(made, withdrawn=True)
                return sets[made.id]
            return sets.pop(made.id)

    @override
    def read_findings(
        self, synthetic_set_id: str, max_sets: int, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        sets = self._store.synthetic_sets
        with self._store.lock:
            made = self.synthetic_set(synthetic_set_id)
            if not made.findings_read:
                read = [each for each in sets.values() if each.findings_read]
                num_read = sum(each.model_id == made.model_id for each in read)
                release_rules.check_findings(made.model_id, num_read, max_sets)
                sets[made.id] = replace(made, findings_read=True)
            self._store.write_entry(audit)
            return made

    @override
    def releases(self, dataset_id: str) -> list[SyntheticSet]:
        with self._store.lock:
            examined = self.released_examinations(dataset_id)
            return [self._store.synthetic_sets[each.id] for each in examined]

    @override
    def released_examinations(self, dataset_id: str) -> list[ExaminedSet]:
        with self._store.lock:
            known = self._store.trained_patients
            ours = known.get(dataset_id, frozenset())
            return [
                each
                for each in sorted(self._examined.values(), key=Cursor.after)
                if each.released
                and (
                    each.dataset_id == dataset_id or ours & known.get(each.dataset_id, frozenset())
                )
            ]

    @override
    def refused_elsewhere(self, model_id: str) -> bool:
        if self._tenant is None:
            return False
        everywhere = MemoryReleases(self._store, None).examined_sets(model_id)
        here = self._examined
        return any(each.refused for each in everywhere if each.id not in here)

    @override
    def examined_sets(self, model_id: str) -> list[ExaminedSet]:
        store = self._store
        with store.lock:
            model = store.models.get(model_id)
            names = {model_id} | {
                each.id
                for each in store.models.values()
                if model and each.snapshot.sha256 == model.snapshot.sha256
            }
            examined = [each for each in self._examined.values() if each.model_id in names]
        return sorted(examined, key=lambda each: each.number)

    @override
    def examined_line(self, model_id: str) -> list[ExaminedSet]:
        store = self._store
        with store.lock:

            def weights_of(names: set[str]) -> set[str]:
                return {store.models[each].snapshot.sha256 for each in names & {*store.models}}

            def lines_of(names: set[str]) -> set[str]:
                return {store.lines[each] for each in names if each in store.lines}

            def of_lines(lines: set[str]) -> set[str]:
                return {each for each, line in store.lines.items() if line in lines}

            related = {model_id} | of_lines(lines_of({model_id}))
            weights = weights_of(related)
            equals = {e.id for e in store.models.values() if e.snapshot.sha256 in weights}
            names = related | equals | of_lines(lines_of(equals))
            examined = [each for each in self._examined.values() if each.model_id in names]
        return sorted(examined, key=lambda each: (each.number, each.created_at, each.id))

    def examined(self, made: GeneratedSet) -> ExaminedSet:
        """Return what is kept of an examination; see `release_rules.examined`."""
        new = made.synthetic_set
        of_model = self.examined_line(new.model_id)
        return release_rules.examined(made, of_model, self.released_examinations(new.dataset_id))


class MemoryApiKeys(ApiKeys):
    """The API keys of a store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    @override
    def add(self, key: ApiKey, audit: AuditDraft | None = None) -> None:
        with self._store.lock:
            self._store.api_keys[key.id] = key
            self._store.write_entry(audit)

    @override
    def key(self, tenant: str, key_id: str) -> ApiKey:
        key = _get(self._store.api_keys, key_id, errors.ApiKeyNotFound)
        if key.tenant != tenant:
            raise errors.ApiKeyNotFound.named(key_id)
        return key

    @override
    def keys(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[ApiKey]:
        with self._store.lock:
            found = [key for key in self._store.api_keys.values() if key.tenant == tenant]
        return _page(found, cursor, limit)

    @override
    def change(
        self,
        tenant: str,
        key_id: str,
        change: Callable[[ApiKey], ApiKey],
        audit: AuditDraft | None = None,
    ) -> ApiKey:
        with self._store.lock:
            key = change(self.key(tenant, key_id))
            self._store.api_keys[key_id] = key
            self._store.write_entry(audit)
            return key

    @override
    def by_secret(self, secret_sha256: str) -> ApiKey | None:
        with self._store.lock:
            for key in self._store.api_keys.values():
                if secret_sha256 in {key.secret_sha256, key.earlier_sha256}:
                    return key
        return None

    @override
    def note_use(self, key_id: str) -> None:
        with self._store.lock:
            key, now = self._store.api_keys.get(key_id), self._store.clock.now()
            if key and (key.last_used_at is None or key.last_used_at <= now - LAST_USE_RESOLUTION):
                self._store.api_keys[key_id] = replace(key, last_used_at=now)


def _models_used(job: Job) -> set[str]:
    """Name the models that a job draws from or starts from."""
    used = (getattr(job.request, name, None) for name in ("model_id", "init_from"))
    return {each for each in used if each}


class MemoryDeletions(Deletions):
    """The deletions of a store."""

    def __init__(self, store: MemoryStore, tenant: str | None) -> None:
        self._store = store
        self._tenant = tenant

    @override
    def delete_dataset(self, dataset_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        store = self._store
        with store.lock:
            there = store.of(self._tenant, store.datasets)
            dataset = _get(there, dataset_id, errors.DatasetNotFound)
            models = [
                model
                for model in store.models.values()
                if dataset_id in (model.dataset_id, *model.inherited) and not model.deleted
            ]
            names = {model.id for model in models}
            jobs = store.jobs.values()
            used = [job for job in jobs if names & _models_used(job)] if cascade else []
            of_it = [job for job in jobs if job.request.dataset_id == dataset_id]
            for job in [*of_it, *used]:
                if not job.state.done:
                    raise errors.DatasetInUse.by(dataset_id, job.id)
            trained = {model.job_id for model in models}
            drawn = [job for job in jobs if getattr(job.request, "model_id", None) in names]
            about = {job.id: job for job in [*of_it, *drawn]}
            about |= {job.id: job for job in jobs if job.id in trained}
            related = Related(
                models=models,
                sets=[
                    each
                    for each in store.synthetic_sets.values()
                    if cascade and (each.dataset_id == dataset_id or each.model_id in names)
                ],
                jobs=[job for job in about.values() if cascade or job.id == dataset.job_id],
                examined=[
                    each
                    for each in store.examined_sets.values()
                    if each.dataset_id == dataset_id or each.model_id in names
                ],
            )
            if not related.examined:
                store.trained_patients.pop(dataset_id, None)
            plan = dataset_deletion(dataset, related, cascade=cascade)
            return self._begin("dataset", dataset_id, cascade, audit, plan)

    @override
    def delete_model(self, model_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        store = self._store
        with store.lock:
            model = MemoryCatalog(store, self._tenant).model(model_id)
            jobs = store.jobs.values()
            drawing = [j for j in jobs if getattr(j.request, "model_id", None) == model_id]
            for job in jobs:
                if model_id in _models_used(job) and not job.state.done:
                    raise errors.ModelInUse.by(model_id, job.id)
            training = [job for job in jobs if job.id == model.job_id]
            named_by_job = [job for job in drawing if job.kind in job_events.NAMED_BY_JOB]
            related = Related(
                models=[model],
                sets=[s for s in store.synthetic_sets.values() if s.model_id == model_id],
                jobs=[*training, *(drawing if cascade else named_by_job)],
                examined=[e for e in store.examined_sets.values() if e.model_id == model_id],
                started=[
                    each
                    for each in store.models.values()
                    if each.card.warm_start
                    and each.card.warm_start.init_from == model_id
                    and not each.deleted
                ],
            )
            plan = model_deletion(model, related, cascade=cascade)
            return self._begin("model", model_id, cascade, audit, plan)

    @override
    def count(self, deletion_id: str, removed: Sequence[Removed]) -> Deletion:
        with self._store.lock:
            there = self.deletion(deletion_id)
            if not there.counted:
                self._store.deletions[there.id] = replace(there, removed=tuple(removed))
            return self.deletion(deletion_id)

    @override
    def finish(
        self, deletion_id: str, finished_at: datetime, receipt: Mapping[str, Any]
    ) -> Deletion:
        store = self._store
        with store.lock:
            there = self.deletion(deletion_id)
            if there.receipt is None:
                by, tenant = there.requested_by, there.audit.tenant
                store.write_entry(AuditDraft(tenant, by, FINISH_DELETION, deletion_id))
                store.deletions[there.id] = replace(there, finished_at=finished_at, receipt=receipt)
            return self.deletion(deletion_id)

    @override
    def deletion(self, deletion_id: str) -> Deletion:
        there = self._store.of(self._tenant, self._store.deletions)
        return _get(there, deletion_id, errors.DeletionNotFound)

    @override
    def deletions(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Deletion]:
        there = self._store.of(self._tenant, self._store.deletions)
        return _page(list(there.values()), cursor, limit)

    @override
    def unfinished(self) -> list[Deletion]:
        open_ = [each for each in self._store.deletions.values() if each.finished_at is None]
        return sorted(open_, key=Cursor.after)

    def _begin(
        self,
        kind: RecordKind,
        target: str,
        cascade: bool,
        audit: AuditDraft,
        plan: DeletionPlan,
    ) -> Deletion:
        store = self._store
        tables: dict[str, dict[str, Any]] = {
            "dataset": store.datasets,
            "model": store.models,
            "synthetic_set": store.synthetic_sets,
        }
        for each in plan.removed:
            if each.kind == "job":
                _remove_job(store, each.id)
            else:
                del tables[each.kind][each.id]
        store.models |= {each.id: each for each in plan.models}
        store.synthetic_sets |= {each.id: each for each in plan.sets}
        store.examined_sets |= {each.id: each for each in plan.examined}
        store.write_entry(audit)
        deletion = Deletion(
            id=new_id("del"),
            kind=kind,
            target=target,
            cascade=cascade,
            created_at=store.clock.now(),
            requested_by=audit.actor,
            audit=store.audit[audit.tenant][-1].head,
            removed=plan.removed,
            kept=plan.kept,
        )
        store.deletions[deletion.id] = deletion
        store.tenants[deletion.id] = audit.tenant
        return deletion


class MemoryAuditLog(AuditLog):
    """The audit log of a store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    @override
    def append(self, *drafts: AuditDraft) -> None:
        with self._store.lock:
            for draft in drafts:
                self._store.write_entry(draft)

    @override
    def note_policy(self, draft: AuditDraft) -> None:
        with self._store.lock:
            entries = self._store.audit.get(draft.tenant, [])
            policies = [entry.target for entry in entries if entry.action == SET_POLICY]
            if policies[-1:] != [draft.target]:
                self._store.write_entry(replace(draft, action=SET_POLICY))

    @override
    def entries(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[AuditEntry]:
        before = number_after(cursor)
        newest_first = self._store.audit.get(tenant, [])[::-1]
        rest = [e for e in newest_first if before is None or e.sequence < before]
        return numbered_page(rest[: limit + 1], limit)

    @override
    def of_action(self, tenant: str, action: str, target: str) -> list[AuditEntry]:
        asked = (action, target)
        entries = self._store.audit.get(tenant, [])
        return [each for each in entries if (each.action, each.target) == asked]

    @override
    def head(self, tenant: str) -> AuditHead:
        entries = self._store.audit.get(tenant)
        return entries[-1].head if entries else AuditHead(tenant)

    @override
    def tenants(self) -> list[str]:
        return sorted(self._store.audit)


def _remove_job(store: MemoryStore, job_id: str) -> None:
    del store.jobs[job_id], store.logs[job_id]
    store.keys = {k: v for k, v in store.keys.items() if v[1] != job_id}


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
