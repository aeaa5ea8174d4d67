"""Orders for work: each is checked completely before anything is queued."""

from collections.abc import Mapping
from dataclasses import dataclass

from service import tracing
from service.context import AppContext
from service.domain import access, errors
from service.domain.audit import AuditDraft
from service.domain.dicomweb import allowed_server
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobResult, JobState
from service.domain.job_ports import Idempotency
from service.domain.quotas import drawn_bytes
from service.domain.records import Dataset, DatasetState, Model, SyntheticSet
from service.domain.release_rules import check_examinations, examination_number
from service.domain.requests import DatasetSource, JobRequest, PushRequest
from service.validation import generate, ingest, preview, score, train
from service.validation.generate import GenerateBody
from service.validation.ingest import IngestOptionsBody
from service.validation.preview import PreviewBody
from service.validation.score import ScoreForm
from service.validation.train import TrainBody


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
        allowed_server(
            context.dicomweb_servers, source.dicomweb.server, "read", context.caller.tenant
        )
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
    allowed_server(context.dicomweb_servers, server, "push", context.caller.tenant)
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
