"""A job: one piece of work, its states and its legal moves.

    queued --claim--> running --succeed--> succeeded        running --fail--> failed
    queued --cancel--> cancelled                            running --cancel--> cancelling
    running --lost lease--> queued, or failed after too many attempts
    running --hand back--> queued                           (its worker was asked to stop)
    failed, cancelled --retry--> queued

A job asked to cancel ends cancelled, whatever its worker reports afterwards.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from service.domain.caller import DEFAULT_TENANT
from service.domain.errors import IllegalMove, JobNotDone, Problem, WorkerLost
from service.domain.requests import JobRequest

MAX_ATTEMPTS_WITHOUT_CHECKPOINT = 3


class JobKind(StrEnum):
    """What a job makes or does."""

    INGEST = "ingest"
    TRAIN = "train"
    GENERATE = "generate"
    PUSH = "push"
    SCORE = "score"
    PREPARE = "prepare"
    PREVIEW = "preview"

    @property
    def queue(self) -> str:
        """Name of the queue whose workers can run this kind."""
        on_gpu = self not in {JobKind.INGEST, JobKind.PUSH}
        return f"{'gpu' if on_gpu else 'cpu'}.{self}"


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def done(self) -> bool:
        """Whether nothing more happens unless somebody asks for it."""
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


HELD = (JobState.RUNNING, JobState.CANCELLING)  # the states in which a worker holds the job


class EventKind(StrEnum):
    """Kinds of entries in a job's log."""

    STATE = "state"
    PLAN = "plan"
    PROGRESS = "progress"
    METRICS = "metrics"
    SAMPLE = "sample"
    CHECKPOINT = "checkpoint"
    DIAGNOSIS = "diagnosis"
    LOG = "log"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a job's durable log.

    Attributes:
        sequence: Position in the job's log, from 1 without gaps.
        kind: One of EventKind.
        at: When it was written, UTC.
        data: Its content, as JSON.
    """

    sequence: int
    kind: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a running job is.

    Attributes:
        phase: What it does now, such as `training`.
        images_seen: Images handled so far; of a training, counted with repetition.
        total_images: Images to handle in all, where known.
        fraction: Share of the whole job that is done, 0 to 1.
        images_per_second: Current speed.
        eta_seconds: Time left at that speed.
        expected_seconds: Time the whole job takes, as measured before its work began.
        plan: What each stage of a training does, `{stage, images, images_per_second, seconds}`.
    """

    phase: str
    images_seen: int = 0
    total_images: int | None = None
    fraction: float | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    expected_seconds: float | None = None
    plan: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a succeeded job made, sent, prepared, previewed or scored by: exactly one is set."""

    dataset_id: str | None = None
    model_id: str | None = None
    synthetic_set_id: str | None = None


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Leave out what JSON cannot carry: NaN and infinity."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


@dataclass(frozen=True, slots=True)
class Claim:
    """The fence of one attempt: a write under an outdated claim changes nothing."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class JobRevision:
    """How far a job is; two are equal while nothing visible happens to it.

    Attributes:
        version: Grows with every visible change.
        num_events: Length of its log.
    """

    version: int
    num_events: int


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. The stored row is the truth; a move returns the next row.

    Attributes:
        id: Such as `job_01kaj...`.
        kind: What it makes.
        queue: The queue whose workers may claim it.
        state: Where it stands.
        request: The validated request, complete enough to run again.
        created_at: When it was submitted, UTC.
        attempt: How often it was claimed.
        attempts_without_checkpoint: Claims since the last checkpoint.
        worker: Name of the worker that holds it.
        lease_expires_at: When the worker is given up for dead unless it renews, by the clock of
            the database, which alone writes and judges it.
        progress: The latest report.
        metrics: The latest figures, such as losses.
        result: What it made, once succeeded.
        error: Why it failed.
        labels: The client's own words about it.
        version: Grows with every visible change.
        started_at: When it was last claimed.
        finished_at: When it ended.
        tenant: Whose it is, and whose everything is that it makes.
        trace_context: The trace that its request belongs to (W3C traceparent); never public.
    """

    id: str
    kind: JobKind
    queue: str
    state: JobState
    request: JobRequest
    created_at: datetime
    attempt: int = 0
    attempts_without_checkpoint: int = 0
    worker: str | None = None
    lease_expires_at: datetime | None = None
    progress: JobProgress | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    result: JobResult | None = None
    error: Problem | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    started_at: datetime | None = None
    finished_at: datetime | None = None
    tenant: str = DEFAULT_TENANT
    trace_context: str | None = None

    @property
    def cancel_requested(self) -> bool:
        """Whether its worker should stop."""
        return self.state is JobState.CANCELLING

    @property
    def claim_held(self) -> Claim:
        """The claim under which the present attempt writes."""
        return Claim(self.id, self.attempt)

    def claim(self, worker: str, now: datetime, lease_seconds: float) -> "Job":
        """Give the job to a worker."""
        self._must_be("claim", JobState.QUEUED)
        return self._next(
            state=JobState.RUNNING,
            attempt=self.attempt + 1,
            attempts_without_checkpoint=self.attempts_without_checkpoint + 1,
            worker=worker,
            lease_expires_at=now + timedelta(seconds=lease_seconds),
            started_at=now,
        )

    def report(
        self,
        *,
        progress: JobProgress | None = None,
        metrics: Mapping[str, float] | None = None,
        checkpoint: bool = False,
    ) -> "Job":
        """Take in a report of the running attempt."""
        self._must_be("report", *HELD)
        return self._next(
            progress=self.progress if progress is None else progress,
            metrics=self.metrics if metrics is None else finite(metrics),
            attempts_without_checkpoint=0 if checkpoint else self.attempts_without_checkpoint,
        )

    def succeed(self, result: JobResult, now: datetime) -> "Job":
        """End with a result, unless a cancel came first."""
        self._must_be("succeed", *HELD)
        if self.cancel_requested:
            return self.finish_cancelled(now)
        progress = self.progress and replace(self.progress, fraction=1.0, eta_seconds=0.0)
        return self._end(JobState.SUCCEEDED, now, result=result, progress=progress)

    def fail(self, problem: Problem, now: datetime) -> "Job":
        """End with a problem, unless a cancel came first."""
        self._must_be("fail", *HELD)
        if self.cancel_requested:
            return self.finish_cancelled(now)
        return self._end(JobState.FAILED, now, error=problem)

    def requeue(
        self,
        now: datetime,
        max_attempts_without_checkpoint: int = MAX_ATTEMPTS_WITHOUT_CHECKPOINT,
    ) -> "Job":
        """Queue again after a lost lease; fail when tried often enough."""
        self._must_be("requeue", *HELD)
        if self.cancel_requested:
            return self.finish_cancelled(now)
        if self.attempts_without_checkpoint >= max_attempts_without_checkpoint:
            lost = WorkerLost(
                f"{self.attempts_without_checkpoint} attempts in a row ended without a checkpoint. "
                "Look into the worker's log (memory, disk, driver), then retry the job."
            )
            return self._end(JobState.FAILED, now, error=lost.problem())
        return self._next(state=JobState.QUEUED, worker=None, lease_expires_at=None)

    def put_back(self, now: datetime) -> "Job":
        """Queue again because of what another job did: the attempt was not fruitless."""
        self._must_be("put back", *HELD)
        if self.cancel_requested:
            return self.finish_cancelled(now)
        return self._next(
            state=JobState.QUEUED, attempts_without_checkpoint=0, worker=None, lease_expires_at=None
        )

    def hand_back(self, now: datetime) -> "Job":
        """Queue again because its worker was asked to stop: the attempt does not count."""
        self._must_be("hand back", *HELD)
        if self.cancel_requested:
            return self.finish_cancelled(now)
        return self._next(
            state=JobState.QUEUED,
            attempts_without_checkpoint=max(0, self.attempts_without_checkpoint - 1),
            worker=None,
            lease_expires_at=None,
        )

    def request_cancel(self, now: datetime) -> "Job":
        """Cancel a queued job, ask the worker of a running one to stop; asking twice is fine."""
        if self.state in {JobState.CANCELLING, JobState.CANCELLED}:
            return self
        self._must_be("cancel", JobState.QUEUED, JobState.RUNNING)
        if self.state is JobState.QUEUED:
            return self._end(JobState.CANCELLED, now)
        return self._next(state=JobState.CANCELLING)

    def finish_cancelled(self, now: datetime) -> "Job":
        """End after the worker stopped."""
        self._must_be("finish cancelling", JobState.CANCELLING)
        return self._end(JobState.CANCELLED, now)

    def must_be_done(self) -> None:
        """Raise JobNotDone while more may happen to the job."""
        if not self.state.done:
            raise JobNotDone(f"Job {self.id} is {self.state}. Wait for it or cancel it first.")

    def retry(self) -> "Job":
        """Queue a failed or cancelled job again; it resumes from its newest checkpoint."""
        self._must_be("retry", JobState.FAILED, JobState.CANCELLED)
        return self._next(
            state=JobState.QUEUED, attempts_without_checkpoint=0, error=None, finished_at=None
        )

    def _end(self, state: JobState, now: datetime, **changes: Any) -> "Job":
        return self._next(
            state=state, finished_at=now, worker=None, lease_expires_at=None, **changes
        )

    def _next(self, **changes: Any) -> "Job":
        return replace(self, version=self.version + 1, **changes)

    def _must_be(self, move: str, *states: JobState) -> None:
        if self.state not in states:
            raise IllegalMove(
                f"Job {self.id} is {self.state}; to {move} it must be {' or '.join(states)}."
            )
