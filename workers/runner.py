"""Runs one job from claim to commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from service.domain.errors import LeaseLost, RecordsUnavailable, ReleasesChanged
from service.domain.job import Job, JobKind, JobState
from service.domain.journal import folder_of
from service.domain.ports import TaskQueue
from workers.generate.job import generate
from workers.ingest.job import ingest
from workers.runtime.attempt import Attempt, Cancelled
from workers.runtime.context import Workplace
from workers.runtime.error_mapping import problem_of
from workers.train.job import train

log = structlog.get_logger()

# each returns what its job made, as the arguments of Records.succeed
WORK: Mapping[JobKind, Callable[[Attempt], dict[str, Any]]] = {
    JobKind.INGEST: ingest,
    JobKind.TRAIN: train,
    JobKind.GENERATE: generate,
}


def answer_doorbell(job_id: str, queues: Sequence[str], workplace: Workplace) -> None:
    """Run the job a doorbell names, or where it waits no more the oldest that does.

    A worker that starts a fresh process for each job spends one on a stale doorbell too; so it is
    not spent in vain while another job waits.

    Args:
        job_id: The job named.
        queues: Those that this worker serves.
        workplace: What it works with.
    """
    if not run_job(job_id, workplace):
        for waiting in waiting_jobs(queues, workplace):
            if run_job(waiting.id, workplace):
                return


def ring_for_waiting(queues: Sequence[str], workplace: Workplace, bell: TaskQueue) -> None:
    """Ring for the oldest job that waits, if any; a database that is away is no reason to stop."""
    try:
        for job in waiting_jobs(queues, workplace)[:1]:
            bell.ring(job.queue, job.id)
    except RecordsUnavailable:
        log.warning("records unavailable")


def waiting_jobs(queues: Sequence[str], workplace: Workplace) -> list[Job]:
    """Return the oldest waiting job of each queue, oldest first."""
    jobs = [job for queue in queues for job in workplace.records.queued_jobs(queue, limit=1)]
    return sorted(jobs, key=lambda job: job.id)


def run_job(job_id: str, workplace: Workplace) -> bool:
    """Claim a job and carry it to its end; nothing happens when another worker was first.

    Returns:
        Whether the job was there to be claimed.
    """
    records, settings = workplace.records, workplace.settings
    job = records.claim(job_id, worker=workplace.name, lease_seconds=settings.lease_seconds)
    if job is None:
        return False
    context = {"job_id": job.id, "kind": str(job.kind), "attempt": job.attempt}
    log.info("job claimed", **context)
    with Attempt(job, workplace) as attempt:
        try:
            ended = _carry_out(attempt)
        except LeaseLost:
            log.warning("job taken over by another attempt", **context)
            return True
        except RecordsUnavailable:
            # nothing can be recorded: the lease runs out and the scheduler queues the job again
            log.warning("records unavailable", **context)
            return True
    log.info("job ended", state=str(ended.state), **context)
    _clear_up(ended, workplace)
    return True


def _carry_out(attempt: Attempt) -> Job:
    records, claim = attempt.records, attempt.job.claim_held
    made: dict[str, Any] = {}
    try:
        made = WORK[attempt.job.kind](attempt)
        return records.succeed(claim, **made)
    except Cancelled:
        return records.finish_cancelled(claim)
    except ReleasesChanged as error:  # somebody was first: examine once more, with their images
        for artifact in made["synthetic_set"].artifacts:
            attempt.artifacts.delete(folder_of(artifact.key))
        return records.put_back(claim, error.problem())
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
