"""What the domain asks of a database about jobs and the processes that run them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from service.domain.audit import AuditDraft
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
from service.domain.records import Dataset, JobOutput
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


class JobReads(Protocol):
    """Jobs and their logs, to look at. Methods that take an identifier raise JobNotFound."""

    # -- called by the API ---------------------------------------------------------------------

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

    # -- called by workers and the scheduler --------------------------------------------------

    def held_by(self, worker: str) -> Job | None:
        """Return the job that a worker holds, if any."""

    def queued_jobs(self, queue: str, limit: int = 100) -> list[Job]:
        """Return the queued jobs of a queue, oldest first."""

    def num_queued(self) -> Mapping[str, int]:
        """Return how many jobs wait, by queue; a queue where none does is left out."""

    def next_queued(self, queues: Sequence[str]) -> str | None:
        """Return the identifier of the oldest job that waits in some queues, if any."""


class Jobs(JobReads, Protocol):
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
        max_previews: int | None = None,
    ) -> Job:
        """Write a new job, its first events, its key and, for an ingest, its dataset.

        Args:
            job: The job; records of one tenant make it that tenant's.
            idempotency: Its key.
            dataset: What it ingests.
            stored_bytes: What the dataset takes until it is ingested.
            quotas: The tenant's, where there are any.
            audit: Is written in the same transaction, unless there is an earlier job.
            max_previews: So many previews of its model the audit log may hold, with this one.

        Returns:
            The job, or the earlier one that came with the same key and fingerprint, by its `id`.

        Raises:
            IdempotencyConflict: The key was used for another request.
            QuotaExceeded: The job would wait, and that is past a limit.
            PreviewsSpent: There are as many previews of its model as there may be.
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
