"""What is written beside a job: its log entries, its result, its dataset's state."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from service.domain.errors import LeaseLost, Problem
from service.domain.job import (
    HELD,
    Claim,
    EventKind,
    Job,
    JobKind,
    JobProgress,
    JobResult,
    JobState,
    finite,
)
from service.domain.job_ports import EventDraft
from service.domain.previews import previews_folder
from service.domain.records import (
    Dataset,
    DatasetState,
    GeneratedSet,
    IngestedDataset,
    JobOutput,
    PreparedModel,
    PreviewedModel,
    PushedSet,
    ScoredImages,
    TrainedModel,
)
from service.domain.scores import scores_folder

# where jobs lay what no other record names; it goes with its job, or with the job's model
NAMED_BY_JOB: Mapping[JobKind, Callable[[str], str]] = {
    JobKind.SCORE: scores_folder,
    JobKind.PREVIEW: previews_folder,
}
NO_SIGN_OF_LIFE = "its worker gave no sign of life until its lease ran out"


def check_fence(job: Job | None, claim: Claim) -> Job:
    """Return the job if the claim still holds it, else raise LeaseLost."""
    if job is None or job.attempt != claim.attempt or job.state not in HELD:
        raise LeaseLost(f"Attempt {claim.attempt} no longer holds job {claim.job_id}; stop.")
    return job


def entries_of_move(job: Job) -> list[EventDraft]:
    """Return the log entries of a job that just came into its state."""
    entries: list[EventDraft] = [
        (EventKind.STATE, {"state": str(job.state), "attempt": job.attempt})
    ]
    if job.state.done:
        ending: dict[str, Any] = {"state": str(job.state)}
        if job.result:
            ending["result"] = {k: v for k, v in asdict(job.result).items() if v is not None}
        if job.error:
            ending["error"] = {"code": job.error.code, "detail": job.error.detail}
        entries.append((EventKind.DONE, ending))
    return entries


def entries_of_report(
    progress: JobProgress | None,
    metrics: Mapping[str, float] | None,
    events: Sequence[EventDraft],
) -> list[EventDraft]:
    """Return the log entries of a worker's report."""
    entries: list[EventDraft] = []
    if progress is not None:
        reported = asdict(progress)
        del reported["plan"]  # in the log once, as an entry of its own
        entries.append((EventKind.PROGRESS, reported))
    if metrics is not None:
        entries.append((EventKind.METRICS, finite(metrics)))
    return [*entries, *((EventKind(kind), dict(data)) for kind, data in events)]


def entry_of_problem(problem: Problem) -> EventDraft:
    """Return the log entry of a problem that does not end the job."""
    return (EventKind.LOG, {"level": "warning", "code": problem.code, "message": problem.detail})


def entry_of_lost_attempt(job: Job, reason: str) -> EventDraft:
    """Return the log entry of an attempt that ended without a result."""
    message = f"Attempt {job.attempt} ended: {reason}"
    return (EventKind.LOG, {"level": "warning", "code": "attempt_lost", "message": message})


def result_of(made: JobOutput) -> JobResult:
    """Return the result that names what a job made."""
    match made:
        case IngestedDataset(dataset):
            return JobResult(dataset_id=dataset.id)
        case TrainedModel(model):
            return JobResult(model_id=model.id)
        case GeneratedSet(synthetic_set):
            return JobResult(synthetic_set_id=synthetic_set.id)
        case PushedSet(synthetic_set_id):
            return JobResult(synthetic_set_id=synthetic_set_id)
        case ScoredImages(model_id) | PreparedModel(model_id) | PreviewedModel(model_id):
            return JobResult(model_id=model_id)


def dataset_after(dataset: Dataset, job: Job) -> Dataset:
    """Let an unfinished dataset's state follow the job that ingests it."""
    failed = job.state in {JobState.FAILED, JobState.CANCELLED}
    return replace(dataset, state=DatasetState.FAILED if failed else DatasetState.INGESTING)


def dataset_followed(job: Job) -> str | None:
    """Name the dataset whose state follows the job: an ingest's, until it succeeded."""
    if job.kind is not JobKind.INGEST or job.state is JobState.SUCCEEDED:
        return None
    return job.request.dataset_id


def checkpoint_folder(job: Job) -> str | None:
    """Return where a job keeps checkpoints worth keeping, or None.

    A training keeps them until it succeeded; a generation only while it may go on by itself, since
    nobody may see images that were not examined.
    """
    kept = {
        JobKind.INGEST: False,
        JobKind.TRAIN: job.state is not JobState.SUCCEEDED,
        JobKind.GENERATE: not job.state.done,
        JobKind.PUSH: False,
        JobKind.SCORE: False,
        JobKind.PREPARE: False,
        JobKind.PREVIEW: False,
    }
    return f"checkpoints/{job.id}" if kept[job.kind] else None
