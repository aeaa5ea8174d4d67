"""Cancels, retries and deletes jobs."""

from service.context import AppContext
from service.domain import access
from service.domain.dicomweb import allowed_server
from service.domain.job import Job, JobKind
from service.domain.job_events import NAMED_BY_JOB, checkpoint_folder
from service.domain.requests import (
    IngestRequest,
    PreviewRequest,
    PushRequest,
    ScoreRequest,
    TrainRequest,
)
from service.usecases.approvals import check_approved
from service.usecases.deletions import left_to_the_scheduler
from service.validation import ingest


def cancel_job(context: AppContext, job_id: str) -> Job:
    """Cancel a job that waits; ask a running one to stop."""
    access.change_job(context.scopes, context.records.jobs.job(job_id))
    job = context.records.jobs.request_cancel(job_id)
    if job.state.done and checkpoint_folder(job) is None:
        with left_to_the_scheduler(job_id):
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


def delete_job(context: AppContext, job_id: str) -> None:
    """Remove a job that is done, its log, checkpoints and upload, and what is named by it alone.

    Other things that it made are kept.
    """
    access.change_job(context.scopes, context.records.jobs.job(job_id))
    job = context.records.jobs.delete_job(job_id, context.entry(job_id))
    with left_to_the_scheduler(job_id):
        context.artifacts.delete_upload(job_id)
        context.artifacts.delete(f"checkpoints/{job_id}")
        if job.kind in NAMED_BY_JOB:
            context.artifacts.delete(NAMED_BY_JOB[job.kind](job_id))


def _check_inputs(context: AppContext, job: Job) -> None:
    """Raise where what a job works on is gone, or may not be used any more."""
    match job.request:
        case IngestRequest(source=source):
            if source.upload:
                _check_upload(context, job)
            if source.path:
                ingest.allowed_path(context.dataset_roots, source.path)
            if source.dicomweb:
                allowed_server(
                    context.dicomweb_servers, source.dicomweb.server, "read", context.caller.tenant
                )
        case ScoreRequest(model_id=model_id):
            _check_upload(context, job)
            context.records.catalog.model(model_id)
        case PreviewRequest(model_id=model_id):
            context.records.catalog.model(model_id)
        case PushRequest(server=server, synthetic_set_id=set_id):
            allowed_server(context.dicomweb_servers, server, "push", context.caller.tenant)
            check_approved(context, context.records.releases.synthetic_set(set_id))
        case TrainRequest(initial_model=str(model_id)):
            context.records.catalog.model(model_id)


def _check_upload(context: AppContext, job: Job) -> None:
    """Raise where a job that is done has lost what was uploaded for it."""
    if job.state.done:
        kept = context.artifacts.has_upload(job.id)
        ingest.check_upload(context.upload_retention_seconds, kept=kept)
