"""What a client can ask for: each request is checked completely before anything is queued."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.context import AppContext
from service.domain import access, errors
from service.domain.identifiers import new_id, synthetic_set_id
from service.domain.job import Job, JobKind, JobResult, JobState
from service.domain.job_events import checkpoint_folder
from service.domain.ports import Idempotency
from service.domain.records import ArtifactRef, Dataset, DatasetState, SyntheticSet
from service.domain.release_rules import check_examinations, examination_number
from service.validation import generate, train


@dataclass(frozen=True, slots=True)
class Submission:
    """What every submitted request carries beside its content.

    Attributes:
        idempotency: The client's promise of sameness, if it made one.
        labels: The client's own words about the job.
    """

    idempotency: Idempotency | None = None
    labels: Mapping[str, str] | None = None


def submit_ingest(
    context: AppContext,
    submission: Submission,
    *,
    source: Mapping[str, Any],
    options: Mapping[str, Any],
    name: str | None = None,
    job_id: str | None = None,
) -> Job:
    """Queue the ingest of a dataset.

    Args:
        context: The ports.
        submission: Key and labels.
        source: `{"upload": file}`, `{"path": folder}` or `{"phantom": {...}}`.
        options: image_size, fit and bit_depth.
        name: The client's name for the dataset; its identifier otherwise.
        job_id: The job an upload was received for.

    Raises:
        PathNotAllowed: The folder lies outside the roots.
        PathNotFound: There is no such folder.
    """
    earlier = _earlier(context, submission)
    if earlier:
        return earlier
    if "path" in source:
        source = {"path": str(train.allowed_path(context.dataset_roots, source["path"]))}
    dataset_id = new_id("ds")
    request = {"dataset_id": dataset_id, "name": name or dataset_id, "source": source, **options}
    job = _new_job(context, JobKind.INGEST, request, submission, job_id)
    dataset = Dataset(
        id=dataset_id,
        name=request["name"],
        state=DatasetState.INGESTING,
        source=source,
        created_at=job.created_at,
        job_id=job.id,
    )
    return _submit(context, job, submission, dataset)


def submit_training(context: AppContext, submission: Submission, request: Mapping[str, Any]) -> Job:
    """Queue a training.

    Args:
        context: The ports.
        submission: Key and labels.
        request: dataset_id, family, image_size or None for the dataset's own, preset, config
            (overrides of the preset), budget, num_devices, seed, and privacy where it is asked for.

    Raises:
        NotFound, Conflict, InvalidRequest: See the error tree.
    """
    earlier = _earlier(context, submission)
    if earlier:
        return earlier
    dataset = train.ready_dataset(context, request["dataset_id"])
    image_size = train.available_image_size(dataset, request["image_size"])
    train.check_budget(request["budget"])
    given = train.circumstances(context, dataset, image_size, request["budget"])
    if "privacy" in request:
        asked = request["privacy"]["differential_privacy"]
        terms = train.resolved_privacy(request["family"], asked, dataset)
        request = {**request, "privacy": {"differential_privacy": terms}}
        given = replace(given, num_images=None, private=True)
    config = train.resolved_config(request["family"], request["preset"], request["config"], given)
    train.check_shards(request["num_devices"], config)
    resolved = {**request, "image_size": image_size, "config": config}
    return _submit(context, _new_job(context, JobKind.TRAIN, resolved, submission), submission)


def submit_generation(
    context: AppContext,
    submission: Submission,
    request: Mapping[str, Any],
    *,
    balance: bool = False,
) -> Job:
    """Queue the making of a synthetic set, or find that it exists already.

    A request for the very set that exists yields a job that has succeeded.

    Args:
        context: The ports.
        submission: Key and labels.
        request: model_id, class_counts, mixtures, interpolate, seed, sampler, format.
        balance: Choose class_counts such that the model's dataset becomes level.

    Raises:
        NotFound, InvalidRequest, ExaminationsSpent, ExtractorUnavailable: See the error tree.
    """
    earlier = _earlier(context, submission)
    if earlier:
        return earlier
    model = context.records.model(request["model_id"])
    train.examining_dataset(context, model)
    resolved = {
        **request,
        "dataset_id": model.dataset_id,  # which cannot be deleted meanwhile
        **generate.resolved_contents(context, model, request, balance=balance),
        "sampler": train.resolved_sampler(model, request["sampler"]),
    }
    extractors = {each.name: each.identity() for each in context.extractors}
    if extractors:  # their figures are in the report, and so part of the set
        resolved["extractors"] = extractors
    set_id = synthetic_set_id(
        resolved, snapshot_sha256=model.snapshot.sha256, version=context.version
    )
    made = _existing_set(context, set_id)
    if made is None:
        number = examination_number(set_id, context.records.examined_sets(model.id))
        check_examinations(model.id, number, context.max_examinations_per_model)
    job = _new_job(context, JobKind.GENERATE, resolved, submission, made=made)
    return _submit(context, job, submission)


def cancel_job(context: AppContext, job_id: str) -> Job:
    """Cancel a job that waits; ask a running one to stop."""
    return context.records.request_cancel(job_id)


def retry_job(context: AppContext, job_id: str) -> Job:
    """Queue a failed or cancelled job again, if what it works on is still there."""
    job = context.records.job(job_id)
    if "upload" in job.request.get("source", {}) and job.state.done:
        train.check_upload(context.artifacts.upload_path(job_id))
    job = context.records.retry(job_id)
    context.queue.ring(job.queue, job.id)
    return job


def delete_job(context: AppContext, job_id: str) -> None:
    """Remove a job that is done, its log, its checkpoints and its upload; keep what it made."""
    job = context.records.delete_job(job_id)
    context.artifacts.delete_upload(job_id)
    folder = checkpoint_folder(job)
    if folder:
        context.artifacts.delete(folder)


def delete_dataset(context: AppContext, dataset_id: str) -> None:
    """Remove a dataset and its pixels; models trained on it stay."""
    dataset = context.records.delete_dataset(dataset_id)
    context.artifacts.delete_upload(dataset.job_id)
    if dataset.artifact:
        context.artifacts.delete(dataset.artifact.key)


def read_findings(context: AppContext, made: SyntheticSet) -> ArtifactRef:
    """Return what the gate saw of a set image by image, and keep that it was asked for.

    Raises:
        ScopeMissing, FindingsSpent: See the error tree.
    """
    findings = access.findings(context.scopes, made)
    context.records.read_findings(made.id, context.max_findings_per_model)
    return findings


def delete_synthetic_set(context: AppContext, synthetic_set_id: str) -> None:
    """Remove a synthetic set and its files; withdraw one that was released."""
    made = context.records.delete_synthetic_set(synthetic_set_id)
    if not made.released:
        for folder in {artifact.folder for artifact in made.artifacts}:
            context.artifacts.delete(folder)


def _earlier(context: AppContext, submission: Submission) -> Job | None:
    return context.records.submitted(submission.idempotency) if submission.idempotency else None


def _new_job(
    context: AppContext,
    kind: JobKind,
    request: Mapping[str, Any],
    submission: Submission,
    job_id: str | None = None,
    *,
    made: SyntheticSet | None = None,
) -> Job:
    now = context.clock.now()
    return Job(
        id=job_id or new_id("job"),
        kind=kind,
        queue=kind.queue,
        state=JobState.SUCCEEDED if made else JobState.QUEUED,
        request=request,
        created_at=now,
        labels=submission.labels or {},
        result=JobResult(synthetic_set_id=made.id) if made else None,
        finished_at=now if made else None,
    )


def _existing_set(context: AppContext, set_id: str) -> SyntheticSet | None:
    """Return a set that is whole; the record of one that lost its files makes way for a new one."""
    try:
        made = context.records.synthetic_set(set_id)
        whole = all(context.artifacts.path(each.key).exists() for each in made.artifacts)
        if whole:
            return made
        context.records.delete_synthetic_set(set_id)
    except errors.SyntheticSetNotFound:
        pass
    return None


def _submit(
    context: AppContext, job: Job, submission: Submission, dataset: Dataset | None = None
) -> Job:
    job = context.records.submit(job, idempotency=submission.idempotency, dataset=dataset)
    if job.state is JobState.QUEUED:
        context.queue.ring(job.queue, job.id)
    return job
