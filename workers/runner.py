"""Runs one job from claim to commit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import structlog

from models.device_errors import is_device_lost
from release.cancellation import cancellable
from service import tracing
from service.domain.errors import (
    ArtifactsUnavailable,
    LeaseLost,
    RecordsUnavailable,
    ReleasesChanged,
)
from service.domain.job import Job, JobKind, JobState
from service.domain.job_events import checkpoint_folder
from service.domain.records import GeneratedSet, JobOutput
from service.domain.requests import (
    GenerateRequest,
    IngestRequest,
    PrepareRequest,
    PreviewRequest,
    PushRequest,
    ScoreRequest,
    TrainRequest,
)
from workers.prepare.submission import submit_preparation
from workers.runtime.attempt import Attempt, Cancelled, Stopped
from workers.runtime.context import WorkerContext
from workers.runtime.error_mapping import problem_of

log = structlog.get_logger()

MAX_TRIES = 10  # other workers may be faster, one after the other


def work(attempt: Attempt) -> JobOutput:
    """Do a job; returns what it made. Its kind is imported now: each takes seconds."""
    match attempt.job.request:
        case IngestRequest() as request:
            from workers.ingest.job import ingest

            return ingest(attempt, request)
        case TrainRequest() as request:
            from workers.train.job import train

            return train(attempt, request)
        case GenerateRequest() as request:
            from workers.generate.job import generate

            return generate(attempt, request)
        case PushRequest() as request:
            from workers.push.job import push

            return push(attempt, request)
        case ScoreRequest() as request:
            from workers.score.job import score

            return score(attempt, request)
        case PrepareRequest() as request:
            from workers.prepare.job import prepare

            return prepare(attempt, request)
        case PreviewRequest() as request:
            from workers.preview.job import preview

            return preview(attempt, request)


def run_next(queues: Sequence[str], context: WorkerContext) -> bool:
    """Run the job that has waited longest in some queues, if any.

    Returns:
        Whether there was one.

    Raises:
        RecordsUnavailable: Nobody knows.
        ArtifactsUnavailable: There is one, and nothing for it to work with.
    """
    for _ in range(MAX_TRIES):
        job_id = context.records.jobs.next_queued(queues)
        if job_id is None:
            return False
        context.artifacts.check(writing=True)  # before an attempt begins in vain
        if run_job(job_id, context):
            return True
    return False


def run_job(job_id: str, context: WorkerContext) -> bool:
    """Claim a job and carry it to its end; nothing happens when another worker was first.

    Returns:
        Whether the job was there to be claimed.
    """
    records, settings = context.records, context.settings
    job = records.jobs.claim(job_id, worker=context.name, lease_seconds=settings.lease_seconds)
    if job is None:
        return False
    about: dict[str, str | int] = {
        "job_id": job.id,
        "kind": str(job.kind),
        "attempt": job.attempt,
    }
    log.info("job claimed", **about)
    try:
        with tracing.span(f"{job.kind} job", job.trace_context, **about) as span:
            ended = _attempt(job, context)
            span.set_attribute("state", str(ended.state) if ended else "lost")
    finally:
        tracing.flush()
    if ended:
        log.info("job ended", state=str(ended.state), **about)
        trained = ended.kind is JobKind.TRAIN and ended.state is JobState.SUCCEEDED
        if trained and settings.prepare_after_training:
            submit_preparation(records, ended)
        _clear_up(ended, context)
    return True


def _attempt(job: Job, context: WorkerContext) -> Job | None:
    """Carry out a claimed job; returns it as it ended, or None when its end is not ours to say."""
    about = {"job_id": job.id, "kind": str(job.kind), "attempt": job.attempt}
    with Attempt(job, context) as attempt, cancellable(attempt.check):
        try:
            return _carry_out(attempt)
        except LeaseLost:
            log.warning("job taken over by another attempt", **about)
        except RecordsUnavailable:
            # nothing can be recorded: the worker or the scheduler queues the job again
            log.warning("records unavailable", **about)
    return None


def _carry_out(attempt: Attempt) -> Job:
    records, claim = attempt.records, attempt.job.claim_held
    made: JobOutput | None = None
    try:
        made = work(attempt)
        return records.jobs.succeed(claim, made)
    except Cancelled:
        return records.jobs.finish_cancelled(claim)
    except Stopped:
        return records.jobs.hand_back(claim)
    except ReleasesChanged as error:  # somebody was first: examine once more, with their images
        assert isinstance(made, GeneratedSet), "only sets are examined"
        with suppress(ArtifactsUnavailable):  # the scheduler prunes it
            attempt.artifacts.delete(made.synthetic_set.report.folder)
        return records.jobs.put_back(claim, error.problem())
    except ArtifactsUnavailable as error:
        return records.jobs.put_back(claim, error.problem())
    except (LeaseLost, RecordsUnavailable):
        raise
    except Exception as error:  # the one broad except: any failure is recorded
        problem = problem_of(error, attempt.job.id)
        if is_device_lost(error):  # for good, to this process: the next job needs another
            attempt.end_process()
        error.__traceback__ = None  # its frames keep files open that are to be removed
        attempt.discard()
        return records.jobs.fail(claim, problem)


def _clear_up(ended: Job, context: WorkerContext) -> None:
    """Drop what only a job that goes on would need."""
    if not ended.state.done:
        return
    cancelled = ended.state is JobState.CANCELLED and ended.kind is not JobKind.SCORE
    retryable = cancelled or (ended.error and ended.error.retryable)
    # what was fetched for an ingest that failed for a while is kept a day, so that a retry goes on
    fetched = ended.kind is JobKind.INGEST and ended.error and ended.error.retryable
    try:
        if ended.kind in {JobKind.INGEST, JobKind.SCORE} and not retryable:
            context.artifacts.delete_upload(ended.id)
        if checkpoint_folder(ended) is None and not fetched:
            context.artifacts.delete(f"checkpoints/{ended.id}")
    except ArtifactsUnavailable:
        log.warning("not cleared up", job_id=ended.id)  # the scheduler prunes it
