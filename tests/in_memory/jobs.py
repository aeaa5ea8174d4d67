"""Jobs in memory."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from typing_extensions import override

from service.domain import errors, job_events, quotas, release_rules, statistics
from service.domain.audit import AuditDraft, push_of, verdict_on
from service.domain.caller import DEFAULT_TENANT
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
    JobRevision,
    JobState,
)
from service.domain.job_ports import EventDraft, Idempotency, Jobs
from service.domain.paging import DEFAULT_LIMIT, Page
from service.domain.quotas import Quotas, use_of
from service.domain.records import (
    Dataset,
    ExaminedSet,
    GeneratedSet,
    IngestedDataset,
    JobOutput,
    PushedSet,
    TrainedModel,
)
from service.domain.webhooks import Message
from tests.in_memory.catalog import MemoryReleases
from tests.in_memory.tables import MemoryTables, get, page, remove_job
from tests.in_memory.webhooks import announce


class MemoryJobs(Jobs):
    """The jobs of a store."""

    def __init__(self, store: MemoryTables, tenant: str | None) -> None:
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
        max_previews: int | None = None,
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
            if audit and audit.target and max_previews is not None:
                release_rules.check_previews(audit.target, store.num_written(audit), max_previews)
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
            announce(store, job.tenant, Message.of_job(job))
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
            remove_job(store, job_id)
            store.write_entry(audit)
            return job

    @override
    def job(self, job_id: str) -> Job:
        return get(self._store.jobs_of(self._tenant), job_id, errors.JobNotFound)

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
        return page(found, cursor, limit)

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
                    announce(self._store, held.tenant, Message.of_set(made.synthetic_set, held))
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
                if moved.state is not job.state:
                    announce(store, moved.tenant, Message.of_job(moved))
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
