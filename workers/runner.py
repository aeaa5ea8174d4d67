"""Runs one job from claim to commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from service.domain.errors import LeaseLost, RecordsUnavailable
from service.domain.job import Job, JobKind, JobState
from workers.attempt import Attempt, Cancelled
from workers.generating import generate
from workers.ingesting import ingest
from workers.problems import problem_of
from workers.training import train
from workers.wiring import Workplace

log = structlog.get_logger()

# each returns what its job made, as the arguments of Records.succeed
WORK: Mapping[JobKind, Callable[[Attempt], dict[str, Any]]] = {
    JobKind.INGEST: ingest,
    JobKind.TRAIN: train,
    JobKind.GENERATE: generate,
}


def run_job(job_id: str, workplace: Workplace) -> None:
    """Claim a job and carry it to its end; nothing happens when another worker was first."""
    records, settings = workplace.records, workplace.settings
    job = records.claim(job_id, worker=workplace.name, lease_seconds=settings.lease_seconds)
    if job is None:
        return
    context = {"job_id": job.id, "kind": str(job.kind), "attempt": job.attempt}
    log.info("job claimed", **context)
    with Attempt(job, workplace) as attempt:
        try:
            ended = _carry_out(attempt)
        except LeaseLost:
            log.warning("job taken over by another attempt", **context)
            return
        except RecordsUnavailable:
            # nothing can be recorded: the lease runs out and the scheduler queues the job again
            log.warning("records unavailable", **context)
            return
    log.info("job ended", state=str(ended.state), **context)
    _clear_up(ended, workplace)


def _carry_out(attempt: Attempt) -> Job:
    records, claim = attempt.records, attempt.job.claim_held
    try:
        made = WORK[attempt.job.kind](attempt)
        return records.succeed(claim, **made)
    except Cancelled:
        return records.finish_cancelled(claim)
    except (LeaseLost, RecordsUnavailable):
        raise
    except Exception as error:  # the one broad except: any failure is recorded
        problem = problem_of(error, attempt.job.id)
        error.__traceback__ = None  # its frames keep files open that are to be removed
        attempt.discard()
        return records.fail(claim, problem)


def _clear_up(ended: Job, workplace: Workplace) -> None:
    """Drop what only a job that goes on would need."""
    retryable = ended.state is JobState.CANCELLED or (ended.error and ended.error.retryable)
    if ended.kind is JobKind.INGEST and not retryable:
        workplace.artifacts.delete_upload(ended.id)
    if ended.kind is JobKind.TRAIN and ended.state is JobState.SUCCEEDED:
        workplace.artifacts.delete(f"checkpoints/{ended.id}")
