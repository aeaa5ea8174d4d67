"""What a client can ask for: each request is checked completely before anything is queued."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from service import tracing
from service.context import AppContext
from service.domain import access, errors
from service.domain.approvals import Approvals
from service.domain.approvers import Approvers
from service.domain.audit import AuditDraft
from service.domain.caller import GENERATE, PRIVATE_READ, TRAIN
from service.domain.deletion import Deletion
from service.domain.dicomweb import DicomwebUse, allowed_server
from service.domain.erasure import carry_out
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobResult, JobState
from service.domain.job_events import NAMED_BY_JOB, checkpoint_folder
from service.domain.job_ports import Idempotency
from service.domain.nearest_pairs import nearest_pairs_key
from service.domain.quotas import drawn_bytes
from service.domain.records import ArtifactRef, Dataset, DatasetState, Model, SyntheticSet
from service.domain.release_rules import check_examinations, examination_number
from service.domain.requests import (
    DatasetSource,
    IngestRequest,
    JobRequest,
    PreviewRequest,
    PushRequest,
    ScoreRequest,
    TrainRequest,
)
from service.validation import generate, ingest, preview, score, train
from service.validation.generate import GenerateBody
from service.validation.ingest import IngestOptionsBody
from service.validation.preview import PreviewBody
from service.validation.score import ScoreForm
from service.validation.train import TrainBody

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Submission:
    """What every submitted request carries beside its content.

    Attributes:
        idempotency: The client's promise of sameness, if it made one.
        labels: The client's own words about the job.
        upload_bytes: Size of the archive that came with it.
    """

    idempotency: Idempotency | None = None
    labels: Mapping[str, str] | None = None
    upload_bytes: int = 0


def submit_ingest(
    context: AppContext,
    submission: Submission,
    body: IngestOptionsBody,
    source: DatasetSource,
    job_id: str | None = None,
) -> Job:
    """Queue the ingest of a dataset.

    Args:
        context: The ports.
        submission: Key and labels.
        body: How images become pixels.
        source: Where they come from.
        job_id: The job an upload was received for.

    Raises:
        PathNotAllowed: The folder lies outside the roots.
        PathNotFound: There is no such folder.
        DicomwebServerUnknown, DicomwebNotAllowed: There is no such server for this.
        QuotaExceeded: The tenant uses as much as it may.
    """
    earlier = _earlier(context, submission)
    if earlier:
        return earlier
    if source.dicomweb:
        _check_server(context, source.dicomweb.server, "read")
    request = ingest.complete(body, source, new_id("ds"), context.dataset_roots)
    job = _new_job(context, JobKind.INGEST, request, submission, job_id)
    dataset = Dataset(
        id=request.dataset_id,
        name=request.name,
        state=DatasetState.INGESTING,
        source=request.source.without_identifiers,
        created_at=job.created_at,
        job_id=job.id,
        public=request.public,
    )
    return _submit(context, job, submission, dataset)


def submit_training(context: AppContext, submission: Submission, body: TrainBody) -> Job:
    """Queue a training.

    Raises:
        NotFound, Conflict, InvalidRequest, QuotaExceeded: See the error tree.
    """
    earlier = _earlier(context, submission)
    if earlier:
        return earlier
    request = train.complete(context, body)
    return _submit(context, _new_job(context, JobKind.TRAIN, request, submission), submission)


def submit_generation(context: AppContext, submission: Submission, body: GenerateBody) -> Job:
    """Queue the making of a synthetic set, or find that it exists already.

    A request for the very set that exists yields a job that has succeeded.

    Raises:
        NotFound, InvalidRequest, ExaminationsSpent, ExtractorUnavailable, QuotaExceeded: See the
            error tree.
    """
    earlier = _earlier(context, submission)
    if earlier:
        return earlier
    request = generate.complete(context, body)
    made = _existing_set(context, request.synthetic_set_id)
    if made is None:
        known = context.records.releases.examined_line(request.model_id)
        number = examination_number(request.synthetic_set_id, known)
        check_examinations(request.model_id, number, context.max_examinations_per_model)
    job = _new_job(context, JobKind.GENERATE, request, submission, made=made)
    return _submit(context, job, submission)


def submit_push(
    context: AppContext, submission: Submission, made: SyntheticSet, server: str
) -> Job:
    """Queue the sending of a set to a DICOMweb server; sending it twice changes nothing.

    Args:
        context: The ports.
        submission: Key and labels.
        made: The set, which holds DICOM.
        server: The server's name.

    Raises:
        SetRefused, SetInconclusive: It was not released.
        DicomwebServerUnknown, DicomwebNotAllowed: There is no such server for this.
        QuotaExceeded: The tenant uses as much as it may.
    """
    earlier = _earlier(context, submission)
    if earlier:
        return earlier
    access.to_be_pushed(made)
    _check_server(context, server, "push")
    request = PushRequest(made.id, made.model_id, made.dataset_id, server)
    job = _new_job(context, JobKind.PUSH, request, submission)
    return _submit(context, job, submission, audit=context.entry(made.id))


def submit_scoring(
    context: AppContext, submission: Submission, model: Model, form: ScoreForm, job_id: str
) -> Job:
    """Queue the scoring of images that were received.

    Args:
        context: The ports.
        submission: Key and labels.
        model: What scores them.
        form: What was said of them.
        job_id: The job they were received for.

    Raises:
        ScoreUnavailable, UnknownClass, QuotaExceeded: See the error tree.
    """
    earlier = _earlier(context, submission)
    if earlier:
        return earlier
    request = score.complete(model, form)
    job = _new_job(context, JobKind.SCORE, request, submission, job_id)
    return _submit(context, job, submission, audit=context.entry(model.id))


def submit_preview(
    context: AppContext, submission: Submission, model_id: str, body: PreviewBody
) -> Job:
    """Queue the drawing of images that are looked at and not examined.

    Raises:
        ModelNotFound, InvalidRequest, PreviewsSpent, QuotaExceeded: See the error tree.
    """
    earlier = _earlier(context, submission)
    if earlier:
        return earlier
    model = context.records.catalog.model(model_id)
    job = _new_job(context, JobKind.PREVIEW, preview.complete(model, body), submission)
    most = context.max_previews_per_model
    return _submit(context, job, submission, audit=context.entry(model.id), max_previews=most)


def cancel_job(context: AppContext, job_id: str) -> Job:
    """Cancel a job that waits; ask a running one to stop."""
    access.change_job(context.scopes, context.records.jobs.job(job_id))
    job = context.records.jobs.request_cancel(job_id)
    if job.state.done and checkpoint_folder(job) is None:
        with _left_to_the_scheduler(job_id):
            context.artifacts.delete(f"checkpoints/{job_id}")
            if job.kind is JobKind.SCORE:
                context.artifacts.delete_upload(job_id)
    return job


def retry_job(context: AppContext, job_id: str) -> Job:
    """Queue a failed or cancelled job again, if what it works on is still there."""
    job = context.records.jobs.job(job_id)
    access.change_job(context.scopes, job)
    _check_inputs(context, job)
    job = context.records.jobs.retry(job_id, quotas=context.quotas)
    context.queue.notify(job.queue, job.id)
    return job


def _check_inputs(context: AppContext, job: Job) -> None:
    """Raise where what a job works on is gone, or may not be used any more."""
    match job.request:
        case IngestRequest(source=source):
            if source.upload:
                _check_upload(context, job)
            if source.path:
                ingest.allowed_path(context.dataset_roots, source.path)
            if source.dicomweb:
                _check_server(context, source.dicomweb.server, "read")
        case ScoreRequest(model_id=model_id):
            _check_upload(context, job)
            context.records.catalog.model(model_id)
        case PreviewRequest(model_id=model_id):
            context.records.catalog.model(model_id)
        case PushRequest(server=server, synthetic_set_id=set_id):
            _check_server(context, server, "push")
            check_approved(context, context.records.releases.synthetic_set(set_id))
        case TrainRequest(initial_model=str(model_id)):
            context.records.catalog.model(model_id)


def _check_upload(context: AppContext, job: Job) -> None:
    """Raise where a job that is done has lost what was uploaded for it."""
    if job.state.done:
        kept = context.artifacts.has_upload(job.id)
        ingest.check_upload(context.upload_retention_seconds, kept=kept)


def delete_job(context: AppContext, job_id: str) -> None:
    """Remove a job that is done, its log, checkpoints and upload, and what is named by it alone.

    Other things that it made are kept.
    """
    access.change_job(context.scopes, context.records.jobs.job(job_id))
    job = context.records.jobs.delete_job(job_id, context.entry(job_id))
    with _left_to_the_scheduler(job_id):
        context.artifacts.delete_upload(job_id)
        context.artifacts.delete(f"checkpoints/{job_id}")
        if job.kind in NAMED_BY_JOB:
            context.artifacts.delete(NAMED_BY_JOB[job.kind](job_id))


def delete_dataset(context: AppContext, dataset_id: str, *, cascade: bool) -> Deletion:
    """Remove a dataset, its pixels and its ingest; models, sets and jobs only with `cascade`.

    Raises:
        ScopeMissing: With `cascade`, the caller must hold train and generate as well.
    """
    if cascade:
        access.require(context.scopes, TRAIN)
        access.require(context.scopes, GENERATE)
    deletions = context.records.deletions
    begun = deletions.delete_dataset(dataset_id, context.entry(dataset_id), cascade=cascade)
    return _carry_out(context, begun)


def delete_model(context: AppContext, model_id: str, *, cascade: bool) -> Deletion:
    """Remove a model, its weights and its training; its sets and their jobs with `cascade`.

    Raises:
        ScopeMissing: With `cascade`, the caller must hold generate as well.
    """
    if cascade:
        access.require(context.scopes, GENERATE)
    deletions = context.records.deletions
    begun = deletions.delete_model(model_id, context.entry(model_id), cascade=cascade)
    return _carry_out(context, begun)


def read_findings(context: AppContext, made: SyntheticSet) -> ArtifactRef:
    """Return what the gate saw of a set image by image, and keep that it was asked for.

    Raises:
        ScopeMissing, FindingsSpent: See the error tree.
    """
    findings = access.findings(context.scopes, made)
    context.records.releases.read_findings(
        made.id, context.max_findings_per_model, context.entry(made.id)
    )
    return findings


def read_nearest_pairs(context: AppContext, made: SyntheticSet) -> bytes:
    """Return the picture of a set's nearest pairs; it counts as reading the set's findings.

    Raises:
        ScopeMissing, ImageNotFound, FindingsSpent: See the error tree.
    """
    access.require(context.scopes, PRIVATE_READ)
    key = _nearest_pairs_key(context, made)
    missing = errors.ImageNotFound.named(f"{made.id}/nearest.png")
    if key is None or not context.artifacts.exists(key):
        raise missing
    try:
        picture = context.artifacts.path(key).read_bytes()
    except FileNotFoundError as error:
        raise missing from error
    read_findings(context, made)
    return picture


def _nearest_pairs_key(context: AppContext, made: SyntheticSet) -> str | None:
    """Return where the picture lies; None where the real images are gone."""
    try:
        dataset = context.records.catalog.dataset(made.dataset_id)
    except errors.DatasetNotFound:
        return None
    return nearest_pairs_key(dataset, made.id) if dataset.artifact else None


def approvals(context: AppContext, made: SyntheticSet) -> Approvals:
    """Return who approved a set, and how many have to."""
    return Approvals.of(_approvers(context), made, context.required_approvals)


def approve_set(context: AppContext, made: SyntheticSet) -> Approvals:
    """Approve a released set in the caller's name.

    Raises:
        SetRefused, SetInconclusive, AlreadyApproved: See the error tree.
    """
    access.to_be_pushed(made)  # what is not released cannot be approved
    approvals(context, made).check_new(made, _approvers(context).of(context.caller.id))
    context.records.audit.append(context.entry(made.id))
    return approvals(context, made)


def check_approved(context: AppContext, made: SyntheticSet) -> None:
    """Raise ApprovalMissing where a released set may not be handed out yet."""
    if context.required_approvals and made.verdict.released:
        approvals(context, made).check_complete(made)


def _approvers(context: AppContext) -> Approvers:
    return Approvers(context.caller.tenant, context.records.api_keys, context.records.audit)


def delete_synthetic_set(context: AppContext, synthetic_set_id: str) -> None:
    """Remove a synthetic set and its files; withdraw one that was released."""
    made = context.records.releases.delete_synthetic_set(
        synthetic_set_id, context.entry(synthetic_set_id)
    )
    key = _nearest_pairs_key(context, made)
    if key:
        with _left_to_the_scheduler(synthetic_set_id):
            context.artifacts.delete(key)
    if not made.released:
        with _left_to_the_scheduler(synthetic_set_id):
            for folder in {artifact.folder for artifact in made.artifacts}:
                context.artifacts.delete(folder)


def _carry_out(context: AppContext, begun: Deletion) -> Deletion:
    """Take a deletion to its end, or as far as the object store can be reached."""
    with _left_to_the_scheduler(begun.target):
        return carry_out(
            begun, context.records, context.artifacts, context.signing_keys, context.clock
        )
    return begun


@contextmanager
def _left_to_the_scheduler(target: str) -> Iterator[None]:
    """Go on where files cannot be removed now: the records are gone, and the files will be."""
    try:
        yield
    except errors.ArtifactsUnavailable:
        _log.warning("files are left to the scheduler", target=target)


def _check_server(context: AppContext, name: str, use: DicomwebUse) -> None:
    allowed_server(context.dicomweb_servers, name, use, context.caller.tenant)


def _earlier(context: AppContext, submission: Submission) -> Job | None:
    return (
        context.records.jobs.submitted(submission.idempotency) if submission.idempotency else None
    )


def _new_job(
    context: AppContext,
    kind: JobKind,
    request: JobRequest,
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
        trace_context=tracing.current_context(),
    )


def _existing_set(context: AppContext, set_id: str) -> SyntheticSet | None:
    """Return a set that is whole; the record of one that lost its files makes way for a new one."""
    try:
        made = context.records.releases.synthetic_set(set_id)
        whole = all(context.artifacts.exists(each.key) for each in made.artifacts)
        if whole:
            return made
        context.records.releases.delete_synthetic_set(set_id, context.entry(set_id))
    except errors.SyntheticSetNotFound:
        pass
    return None


def _submit(
    context: AppContext,
    job: Job,
    submission: Submission,
    dataset: Dataset | None = None,
    audit: AuditDraft | None = None,
    max_previews: int | None = None,
) -> Job:
    job = context.records.jobs.submit(
        job,
        idempotency=submission.idempotency,
        dataset=dataset,
        stored_bytes=submission.upload_bytes or (drawn_bytes(dataset.source) if dataset else 0),
        quotas=context.quotas,
        audit=audit,
        max_previews=max_previews,
    )
    if job.state is JobState.QUEUED:
        context.queue.notify(job.queue, job.id)
    return job
