"""What the records write beside a job: its log entries, its result, its dataset's state."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from service.domain.errors import (
    ExaminationsSpent,
    FindingsSpent,
    LeaseLost,
    Problem,
    ReleasesChanged,
)
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
from service.domain.ports import EventDraft
from service.domain.records import (
    Dataset,
    DatasetState,
    ExaminedSet,
    Model,
    SyntheticSet,
)


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
        told = asdict(progress)
        del told["plan"]  # in the log once, as an entry of its own
        entries.append((EventKind.PROGRESS, told))
    if metrics is not None:
        entries.append((EventKind.METRICS, finite(metrics)))
    return [*entries, *((EventKind(kind), dict(data)) for kind, data in events)]


def entry_of_problem(problem: Problem) -> EventDraft:
    """Return the log entry of a problem that does not end the job."""
    return (EventKind.LOG, {"level": "warning", "code": problem.code, "message": problem.detail})


def result_of(
    dataset: Dataset | None, model: Model | None, synthetic_set: SyntheticSet | None
) -> JobResult:
    """Return the result that names the one thing made."""
    if sum(made is not None for made in (dataset, model, synthetic_set)) != 1:
        raise ValueError("A job makes exactly one dataset, model or synthetic set.")
    return JobResult(
        dataset_id=dataset.id if dataset else None,
        model_id=model.id if model else None,
        synthetic_set_id=synthetic_set.id if synthetic_set else None,
    )


def dataset_after(dataset: Dataset, job: Job) -> Dataset:
    """Let an unfinished dataset's state follow the job that ingests it."""
    failed = job.state in {JobState.FAILED, JobState.CANCELLED}
    return replace(dataset, state=DatasetState.FAILED if failed else DatasetState.INGESTING)


def dataset_followed(job: Job) -> str | None:
    """Name the dataset whose state follows the job: an ingest's, until it succeeded."""
    if job.kind is not JobKind.INGEST or job.state is JobState.SUCCEEDED:
        return None
    return str(job.request["dataset_id"])


def examination_number(set_id: str, of_model: Sequence[ExaminedSet]) -> int:
    """Return which set of its model a set is, from 1; one examined before keeps its number."""
    return next((each.number for each in of_model if each.id == set_id), len(of_model) + 1)


def check_examinations(model_id: str, number: int, max_sets: int) -> None:
    """Insist that not too many sets of a model are examined: each is a chance to slip through."""
    if number > max_sets:
        raise ExaminationsSpent(
            f"{max_sets} sets of model {model_id} have been examined, whatever was found of them, "
            "and each further one would be one more chance for copies to be missed. Ask for one of "
            "these again, train another model, or let the operator raise "
            "SYNTHCXR_MAX_EXAMINATIONS_PER_MODEL."
        )


def sets_before(
    set_id: str, of_model: Sequence[ExaminedSet], releases: Sequence[ExaminedSet]
) -> list[ExaminedSet]:
    """Return the sets that count in the examination of another.

    Args:
        set_id: The set that is examined.
        of_model: Every examined set of its model.
        releases: Every released set of the datasets that share patients with its own.

    Returns:
        Those of its model with a lower number, so that a set made once more is examined as it was
        the first time, and all releases but itself.
    """
    number = examination_number(set_id, of_model)
    counted = {each.id: each for each in of_model if each.number < number}
    counted |= {each.id: each for each in releases if each.id != set_id}
    return list(counted.values())


def examined(
    made: SyntheticSet,
    tally: Mapping[str, Any],
    of_model: Sequence[ExaminedSet],
    releases: Sequence[ExaminedSet],
    examined_after: Sequence[str],
) -> ExaminedSet:
    """Return what is kept of an examination, once nothing that counts in it came in between.

    Args:
        made: The set that was examined.
        tally: What the gate counts of it.
        of_model: Every examined set of its model, itself too where it was examined before.
        releases: Every released set of the datasets that share patients with its own.
        examined_after: The sets that its examination took into account.

    Raises:
        ReleasesChanged: It missed one.
    """
    missing = {each.id for each in sets_before(made.id, of_model, releases)} - {*examined_after}
    if missing:
        raise ReleasesChanged(
            f"{', '.join(sorted(missing))}, of the same model or of a dataset with the same "
            f"patients, was examined at the same time as {made.id}. The job is done once more."
        )
    there = next((each for each in of_model if each.id == made.id), None)
    if there is None:
        return ExaminedSet(
            id=made.id,
            model_id=made.model_id,
            dataset_id=made.dataset_id,
            number=len(of_model) + 1,
            verdicts=(made.verdict,),
            tally=tally,
            created_at=made.created_at,
        )
    if there.verdict == made.verdict:
        return there
    return replace(there, verdicts=(*there.verdicts, made.verdict))


def set_after_withdrawal(there: SyntheticSet, made: SyntheticSet) -> SyntheticSet:
    """Return what stands for a set that was withdrawn and is made once more.

    One that was released stays so, whatever is found now that there are later releases: its images
    are outside. That findings were read is not forgotten.
    """
    if there.released and not made.released:
        return replace(there, withdrawn=False)
    return replace(made, findings_read=there.findings_read)


def check_findings(made: SyntheticSet, sets: Sequence[SyntheticSet], max_sets: int) -> None:
    """Insist that the findings of not too many sets of a model are read."""
    num_read = sum(each.findings_read for each in sets if each.model_id == made.model_id)
    if num_read >= max_sets:
        raise FindingsSpent(
            f"The findings of {num_read} sets of model {made.model_id} have been read, and more "
            "would tell too much of single images. The operator may raise "
            "SYNTHCXR_MAX_FINDINGS_PER_MODEL."
        )


def folder_of(key: str) -> str:
    """Return the folder that is published and pruned as one: the first two parts of a key."""
    return "/".join(key.split("/")[:2])


def checkpoint_folder(job: Job) -> str | None:
    """Return where a training keeps checkpoints worth keeping, or None."""
    if job.kind is not JobKind.TRAIN or job.state is JobState.SUCCEEDED:
        return None
    return f"checkpoints/{job.id}"
