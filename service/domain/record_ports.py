"""The records that the domain needs: jobs and what they made, in one database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from service.domain.api_keys import ApiKey
from service.domain.audit import AuditDraft, AuditEntry, AuditHead
from service.domain.deletion import Deletion, Removed
from service.domain.errors import Problem
from service.domain.job import (
    MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    Claim,
    Event,
    Job,
    JobKind,
    JobProgress,
    JobRevision,
    JobState,
)
from service.domain.paging import DEFAULT_LIMIT, Page
from service.domain.quotas import Quotas
from service.domain.records import Dataset, ExaminedSet, JobOutput, Model, SyntheticSet
from service.domain.statistics import Statistics
from service.domain.webhook_ports import Webhooks
from service.domain.worker import Worker, WorkerReport

EventDraft = tuple[str, Mapping[str, Any]]  # an EventKind and its data, not yet in the log


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The promise that a request sent twice is carried out once.

    Attributes:
        key: The client's own name for the request.
        fingerprint: sha256 of what was asked, the operation included.
    """

    key: str
    fingerprint: str


class Database(Protocol):
    """What the records lie in."""

    def check(self) -> None:
        """Raise RecordsUnavailable when it cannot serve this version.

        Raises:
            SchemaUnknown: It has the schema of another version.
            RecordsUnavailable: It cannot be reached, or has no schema yet.
        """

    def wipe(self) -> None:
        """Overwrite what deleted rows left in the database's files, where it can be done."""

    def close(self) -> None:
        """Close all connections."""


class Jobs(Protocol):
    """Jobs, their logs and their claims. Each call is one transaction.

    Methods that take a Claim are fenced: when another attempt holds the job they raise LeaseLost
    and change nothing. Methods that take an identifier raise JobNotFound. A dataset's state
    follows its ingest job: failed or cancelled makes it `failed`. A job that is done, and a set
    that was examined, is announced to its tenant's webhooks in the same transaction.
    """

    # -- called by the API ---------------------------------------------------------------------

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
        """Write a new job, its first events, its key and, for an ingest, its dataset.

        Args:
            job: The job; records of one tenant make it that tenant's.
            idempotency: Its key.
            dataset: What it ingests.
            stored_bytes: What the dataset takes until it is ingested.
            quotas: The tenant's, where there are any.
            audit: Is written in the same transaction, unless there is an earlier job.

        Returns:
            The job, or the earlier one that came with the same key and fingerprint, by its `id`.

        Raises:
            IdempotencyConflict: The key was used for another request.
            QuotaExceeded: The job would wait, and that is past a limit.
        """

    def submitted(self, idempotency: Idempotency) -> Job | None:
        """Return the job that came with this key and fingerprint before, if any.

        Raises:
            IdempotencyConflict: The key was used for another request.
        """

    def request_cancel(self, job_id: str) -> Job:
        """Cancel a queued job, ask a running one to stop; raises IllegalMove when it ended."""

    def retry(self, job_id: str, *, quotas: Quotas | None = None) -> Job:
        """Queue a failed or cancelled job again; raises IllegalMove otherwise, or QuotaExceeded."""

    def delete_job(self, job_id: str, audit: AuditDraft | None = None) -> Job:
        """Remove a job that is done, with its log; raises JobNotDone otherwise.

        Args:
            job_id: The job.
            audit: Is written in the same transaction.
        """

    def job(self, job_id: str) -> Job:
        """Return a job."""

    def some_jobs(self, job_ids: Sequence[str]) -> list[Job]:
        """Return those of some jobs that are there, in any order."""

    def jobs(
        self,
        *,
        kind: JobKind | None = None,
        state: JobState | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Page[Job]:
        """List jobs, newest first."""

    def revisions(self, job_ids: Sequence[str]) -> Mapping[str, JobRevision]:
        """Return how far some jobs are, by one query; those that are not there are left out."""

    def queue_positions(self, jobs: Sequence[Job]) -> Mapping[str, int]:
        """Return, for each queued one of some jobs, how many are before it in its queue.

        Records of one tenant count that tenant's jobs alone.
        """

    def events(self, job_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """Return the job's log entries with a sequence above `after`, oldest first."""

    # -- called by workers ---------------------------------------------------------------------

    def claim(self, job_id: str, *, worker: str, lease_seconds: float) -> Job | None:
        """Take a queued job; exactly one caller gets it.

        Returns:
            The running job, or None when it is not queued, not there or just being taken.
        """

    def heartbeat(self, claim: Claim, lease_seconds: float) -> bool:
        """Renew the lease; return whether a cancel was requested."""

    def record(
        self,
        claim: Claim,
        *,
        progress: JobProgress | None = None,
        metrics: Mapping[str, float] | None = None,
        events: Sequence[EventDraft] = (),
        checkpoint: bool = False,
    ) -> None:
        """Write a report; progress and metrics enter the log by themselves, before `events`.

        Args:
            claim: The fence.
            progress: Replaces the job's progress.
            metrics: Replaces the job's metrics.
            events: Further entries for the log.
            checkpoint: A new checkpoint is durable: the count of fruitless attempts restarts.
        """

    def succeed(self, claim: Claim, made: JobOutput) -> Job:
        """End a job with what it made, which becomes visible in the same transaction.

        A synthetic set that exists already is kept as it is; one that was withdrawn makes way. That
        it was examined is kept for good, see `ExaminedSet`.

        Returns:
            The job: succeeded, or cancelled (and nothing made visible) when a cancel came first.

        Raises:
            ReleasesChanged: The examination missed a set, see `release_rules.sets_before`.
        """

    def fail(self, claim: Claim, problem: Problem) -> Job:
        """End a job with a problem; cancelled instead when a cancel came first."""

    def finish_cancelled(self, claim: Claim) -> Job:
        """End a job whose worker stopped on request."""

    def put_back(self, claim: Claim, problem: Problem) -> Job:
        """Queue a job again because of what another did, which enters the log as a problem."""

    def hand_back(self, claim: Claim) -> Job:
        """Queue a job again because its worker was asked to stop; the attempt does not count."""

    def held_by(self, worker: str) -> Job | None:
        """Return the job that a worker holds, if any."""

    def give_up(
        self,
        claim: Claim,
        reason: str,
        max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    ) -> Job:
        """Move a job whose attempt is known to be over, without waiting for its lease to run out.

        Args:
            claim: The fence.
            reason: What became of the attempt; enters the log.
            max_attempts_without_checkpoint: After so many fruitless attempts the job fails.
        """

    # -- called by the scheduler ---------------------------------------------------------------

    def queued_jobs(self, queue: str, limit: int = 100) -> list[Job]:
        """Return the queued jobs of a queue, oldest first."""

    def num_queued(self) -> Mapping[str, int]:
        """Return how many jobs wait, by queue; a queue where none does is left out."""

    def next_queued(self, queues: Sequence[str]) -> str | None:
        """Return the identifier of the oldest job that waits in some queues, if any."""

    def expire_leases(
        self, max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT
    ) -> list[Job]:
        """Move every job whose worker stopped renewing; return the moved ones.

        Leases are written and judged by the database's clock, never by that of a process.
        """

    def hold_scheduler_lock(self, holder: str, seconds: float) -> bool:
        """Become or stay the one scheduler for a while; False when another is."""

    def scheduler_is_late(self) -> bool:
        """Whether no scheduler has done its work in time."""


class Workers(Protocol):
    """The processes that run jobs, seen by the database's clock."""

    def report(self, report: WorkerReport) -> None:
        """Record that a worker lives, and by how much its clock is ahead."""

    def leave(self, name: str) -> None:
        """Forget a worker that stops."""

    def all(self) -> list[Worker]:
        """Return the workers that were not forgotten, by name."""

    def forget_silent(self, seconds: float) -> None:
        """Forget the workers that were not heard of for so long."""

    def clock_ahead_seconds(self) -> float:
        """Return by how much the clock of this process is ahead of the database's."""


class Catalog(Protocol):
    """Datasets and models. Methods that take an identifier raise the NotFound of their kind."""

    def dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset."""

    def datasets(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Dataset]:
        """List datasets, newest first."""

    def newest_split_dataset(self) -> Dataset | None:
        """Return the newest dataset whose images were split, if there is any."""

    def model(self, model_id: str) -> Model:
        """Return a model."""

    def models(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Model]:
        """List models, newest first."""

    def private_models(self, dataset_version: str) -> Sequence[Model]:
        """Return the models trained with differential privacy on a dataset version."""

    def referenced_artifacts(self) -> set[str]:
        """Return the folders still needed, as `<kind>/<name>`; the rest may be pruned.

        Checkpoints are needed until their job succeeded or was deleted.
        """


class Releases(Protocol):
    """Synthetic sets and their examinations; raises SyntheticSetNotFound."""

    def synthetic_set(self, synthetic_set_id: str) -> SyntheticSet:
        """Return a synthetic set."""

    def synthetic_sets(
        self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[SyntheticSet]:
        """List synthetic sets, newest first."""

    def delete_synthetic_set(
        self, synthetic_set_id: str, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        """Remove a synthetic set; one that stays known is only withdrawn, see `SyntheticSet`.

        Args:
            synthetic_set_id: The set.
            audit: Is written in the same transaction.

        Returns:
            What is left of it.
        """

    def read_findings(
        self, synthetic_set_id: str, max_sets: int, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        """Record that a set's findings are read.

        Args:
            synthetic_set_id: The set.
            max_sets: Of how many sets of one model they may be read.
            audit: Is written in the same transaction.

        Raises:
            FindingsSpent: They were read of that many others.
        """

    def releases(self, dataset_id: str) -> list[SyntheticSet]:
        """Return every released set whose dataset shares patients with one, oldest first.

        Two datasets share a patient when models are trained on that patient in both. A dataset
        shares all with itself. Withdrawn sets and those of deleted datasets are returned too.
        """

    def released_examinations(self, dataset_id: str) -> list[ExaminedSet]:
        """Return what is kept of the examinations of the same sets, in the same order."""

    def examined_sets(self, model_id: str) -> list[ExaminedSet]:
        """Return every examined set of a model and its equals, deleted ones too, by number.

        Its equals have the same weights: a model that is trained once more starts no new count.
        """

    def examined_line(self, model_id: str) -> list[ExaminedSet]:
        """Return every examined set of a model's line, deleted ones too, by number.

        A line are a model that started from no private one, and all that started from it, directly
        or through others: their weights are nearly the same, so their sets are counted together.
        Models with the same weights are of one line.
        """

    def refused_elsewhere(self, model_id: str) -> bool:
        """Say whether a set of an equal model of another tenant was refused.

        Only of use in records of one tenant: there `examined_sets` returns that tenant's alone.
        """


class ApiKeys(Protocol):
    """API keys. A tenant's keys are unknown to the administrators of another."""

    def add(self, key: ApiKey, audit: AuditDraft | None = None) -> None:
        """Write a new key, and what the audit log is to say of it, in one transaction."""

    def key(self, tenant: str, key_id: str) -> ApiKey:
        """Return a key of a tenant, or raise ApiKeyNotFound."""

    def keys(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[ApiKey]:
        """List the keys of a tenant, newest first, those that ended too."""

    def change(
        self,
        tenant: str,
        key_id: str,
        change: Callable[[ApiKey], ApiKey],
        audit: AuditDraft | None = None,
    ) -> ApiKey:
        """Write a changed key over a tenant's key in one transaction, and return it.

        Args:
            tenant: Whose the key is.
            key_id: The key.
            change: Returns what becomes of it.
            audit: Is written in the same transaction.

        Raises:
            ApiKeyNotFound: The tenant has none of this identifier.
        """

    def by_secret(self, secret_sha256: str) -> ApiKey | None:
        """Return the key that has, or had before its last rotation, a secret of this digest."""

    def note_use(self, key_id: str) -> None:
        """Write that a key is used now, unless one was written within the last minute."""


class StatisticsSource(Protocol):
    """Figures of all records together."""

    def read(self) -> Statistics:
        """Return the present figures."""


class Deletions(Protocol):
    """Deletions of datasets and models, and their receipts."""

    def delete_dataset(self, dataset_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        """Remove the records of a dataset and of its ingest; what is to be kept is kept.

        Args:
            dataset_id: The dataset.
            audit: Is written in the same transaction, as is the deletion itself.
            cascade: Whether its models, their sets and all of its jobs go too.

        Returns:
            The deletion, whose files are still there; see `erasure.carry_out`.

        Raises:
            DatasetNotFound: There is no such dataset.
            DatasetInUse: A job that is not done needs it.
        """

    def delete_model(self, model_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        """Remove the records of a model and of its training, as `delete_dataset` does.

        Raises:
            ModelNotFound: There is no such model.
            ModelInUse: A job that is not done needs it.
        """

    def count(self, deletion_id: str, removed: Sequence[Removed]) -> Deletion:
        """Keep what the files come to before they go; the first count stands."""

    def finish(
        self, deletion_id: str, finished_at: datetime, receipt: Mapping[str, Any]
    ) -> Deletion:
        """Keep the receipt of a deletion whose files are gone; the first receipt stands."""

    def deletion(self, deletion_id: str) -> Deletion:
        """Return a deletion, or raise DeletionNotFound."""

    def deletions(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Deletion]:
        """List deletions, newest first."""

    def unfinished(self) -> list[Deletion]:
        """Return the deletions whose files may still be there, oldest first."""


class AuditLog(Protocol):
    """What was done, by whom: one chain of entries for each tenant, which only grows."""

    def append(self, *drafts: AuditDraft) -> None:
        """Write entries, in one transaction."""

    def note_policy(self, draft: AuditDraft) -> None:
        """Write an entry of action `set_policy` unless the last one names the same target."""

    def entries(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[AuditEntry]:
        """List the entries of a tenant, newest first."""

    def of_action(self, tenant: str, action: str, target: str) -> list[AuditEntry]:
        """List what came of an action on a record each time, oldest first."""

    def head(self, tenant: str) -> AuditHead:
        """Return the end of a tenant's chain."""

    def tenants(self) -> list[str]:
        """Return whose chains there are."""


@dataclass(frozen=True, slots=True)
class Records:
    """Jobs and what they made, in one database: all of them, or those of one tenant.

    Workers and the scheduler use all of them. The API uses those of its caller's tenant: records
    of other tenants are not there for any method, and what is written is the tenant's own.

    Attributes:
        database: What they lie in.
        jobs: Jobs, their logs and their claims.
        catalog: Datasets and models.
        releases: Synthetic sets and their examinations.
        workers: The processes that run jobs.
        api_keys: What clients show to be let in.
        deletions: Deletions of datasets and models.
        audit: What was done, by whom.
        of_tenant: Returns the records of one tenant.
        statistics: Figures of all of them.
        webhooks: Webhooks, and the messages that are on their way to them.
    """

    database: Database
    jobs: Jobs
    catalog: Catalog
    releases: Releases
    workers: Workers
    api_keys: ApiKeys
    deletions: Deletions
    audit: AuditLog
    of_tenant: Callable[[str], "Records"]
    statistics: StatisticsSource
    webhooks: Webhooks
