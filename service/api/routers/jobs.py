"""Jobs: read, wait, cancel, retry, delete."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from service.api.authorization import GuardedRoute
from service.api.dependencies import Cursor, InContext, JobId, Limit
from service.api.disclosure import shown_privately
from service.api.errors import documented
from service.api.http.conditional import IfNoneMatch, matches, not_modified
from service.api.openapi.responses import NOT_MODIFIED
from service.api.shown_jobs import etag_of, view, views
from service.api.threads import run_writing
from service.api.views.base import Page
from service.api.views.job import JobView
from service.api.waiting.waiting import MAX_WAIT_SECONDS, InWaiting
from service.domain import errors
from service.domain.job import Job, JobKind, JobState
from service.usecases import jobs

router = APIRouter(tags=["jobs"], route_class=GuardedRoute)

Wait = Annotated[
    int,
    Query(
        ge=0,
        le=MAX_WAIT_SECONDS,
        description="Seconds to hold the answer: with If-None-Match until the job changed, "
        "otherwise until it is done.",
    ),
]


@router.get(
    "/jobs",
    operation_id="list_jobs",
    response_model=Page[JobView],
    responses=documented(),
)
def list_jobs(
    context: InContext,
    kind: JobKind | None = None,
    state: JobState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """List jobs, newest first."""
    page = context.records.jobs.jobs(kind=kind, state=state, cursor=cursor, limit=limit)
    found = Page[JobView](items=views(context, page.items), next_cursor=page.next_cursor)
    return Response(found.model_dump_json(), media_type="application/json")


@router.get(
    "/jobs/{job_id}",
    operation_id="get_job",
    response_model=JobView,
    responses={
        **NOT_MODIFIED,
        **documented(errors.JobNotFound, errors.TooManyStreams),
    },
)
async def get_job(
    context: InContext,
    waiting: InWaiting,
    job_id: JobId,
    wait: Wait = 0,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Read a job, at once or when it changes."""

    def news(job: Job) -> bool:
        if if_none_match is None:
            return job.state.done
        return not matches(if_none_match, etag_of(job))

    if wait:
        await waiting.for_job(context, job_id, news, wait)
    shown = await waiting.polled.of(context).get(job_id)
    if shown is None:
        raise errors.JobNotFound.named(job_id)
    if matches(if_none_match, shown.etag):
        return not_modified(shown.etag)
    if shown.private:
        await run_writing(shown_privately, context, [job_id])
    headers = {"ETag": shown.etag} | ({} if shown.done else {"Retry-After": "1"})
    return Response(shown.content, headers=headers, media_type="application/json")


@router.post(
    "/jobs/{job_id}/cancel",
    operation_id="cancel_job",
    status_code=202,
    responses=documented(errors.JobNotFound, errors.IllegalMove),
)
async def cancel_job(context: InContext, job_id: JobId) -> JobView:
    """Cancel a queued job at once; ask the worker of a running one to stop."""
    return await run_writing(lambda: view(context, jobs.cancel_job(context, job_id)))


@router.post(
    "/jobs/{job_id}/retry",
    operation_id="retry_job",
    status_code=202,
    responses=documented(
        errors.JobNotFound,
        errors.IllegalMove,
        errors.UploadGone,
        errors.ArtifactsUnavailable,
        errors.QuotaExceeded,
    ),
)
async def retry_job(context: InContext, job_id: JobId) -> JobView:
    """Queue a failed or cancelled job again; it resumes from its newest checkpoint."""
    return await run_writing(lambda: view(context, jobs.retry_job(context, job_id)))


@router.delete(
    "/jobs/{job_id}",
    operation_id="delete_job",
    status_code=204,
    response_class=Response,
    responses=documented(errors.JobNotFound, errors.JobNotDone),
)
async def delete_job(context: InContext, job_id: JobId) -> None:
    """Remove a job that is done, its log and its checkpoints; what it made stays."""
    await run_writing(jobs.delete_job, context, job_id)
