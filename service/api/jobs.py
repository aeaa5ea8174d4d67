"""Jobs: read, wait, cancel, retry, delete."""

from collections.abc import Sequence
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Response

from service import usecases
from service.api.authorization import GuardedRoute
from service.api.conditional import IfNoneMatch, matches, not_modified
from service.api.dependencies import Cursor, InContext, JobId, Limit
from service.api.disclosure import shown_privately
from service.api.errors import documented
from service.api.responses import NOT_MODIFIED
from service.api.views import JobView, Page
from service.api.waiting import MAX_WAIT_SECONDS, wait_for_job
from service.context import AppContext
from service.domain import access, errors
from service.domain.job import Job, JobKind, JobState

router = APIRouter(tags=["jobs"], route_class=GuardedRoute)

RETRY_AFTER_SECONDS = "1"

Wait = Annotated[
    int,
    Query(
        ge=0,
        le=MAX_WAIT_SECONDS,
        description="Seconds to hold the answer: with If-None-Match until the job changed, "
        "otherwise until it is done.",
    ),
]


def view(context: AppContext, job: Job) -> JobView:
    """Show what the caller may read of a job, and its place in the queue."""
    return views(context, [job])[0]


def views(context: AppContext, jobs: Sequence[Job]) -> list[JobView]:
    """Show what the caller may read of some jobs, and their places in the queue."""
    shown_privately(context, (job.id for job in jobs if access.job(frozenset(), job) != job))
    positions = context.records.jobs.queue_positions(jobs)
    return [JobView.of(access.job(context.scopes, job), positions.get(job.id)) for job in jobs]


@router.get("/jobs", operation_id="list_jobs", responses=documented(errors.InvalidRequest))
def list_jobs(
    context: InContext,
    kind: JobKind | None = None,
    state: JobState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[JobView]:
    """List jobs, newest first."""
    page = context.records.jobs.jobs(kind=kind, state=state, cursor=cursor, limit=limit)
    return Page(items=views(context, page.items), next_cursor=page.next_cursor)


@router.get(
    "/jobs/{job_id}",
    operation_id="get_job",
    response_model=JobView,
    responses={**NOT_MODIFIED, **documented(errors.JobNotFound, errors.InvalidRequest)},
)
async def get_job(
    context: InContext,
    response: Response,
    job_id: JobId,
    wait: Wait = 0,
    if_none_match: IfNoneMatch = None,
) -> JobView | Response:
    """Read a job, at once or when it changes."""

    def news(job: Job) -> bool:
        if if_none_match is None:
            return job.state.done
        return not matches(if_none_match, etag_of(job))

    job = await wait_for_job(context.records, job_id, news, wait)
    etag = etag_of(job)
    if matches(if_none_match, etag):
        return not_modified(etag)
    response.headers["ETag"] = etag
    if not job.state.done:
        response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return await run_sync(view, context, job)


def etag_of(job: Job) -> str:
    """Tag a job by its version; weak, since a place in the queue changes without one."""
    return f'W/"{job.version}"'


@router.post(
    "/jobs/{job_id}/cancel",
    operation_id="cancel_job",
    status_code=202,
    responses=documented(errors.JobNotFound, errors.IllegalMove, errors.InvalidRequest),
)
def cancel_job(context: InContext, job_id: JobId) -> JobView:
    """Cancel a queued job at once; ask the worker of a running one to stop."""
    return view(context, usecases.cancel_job(context, job_id))


@router.post(
    "/jobs/{job_id}/retry",
    operation_id="retry_job",
    status_code=202,
    responses=documented(
        errors.JobNotFound,
        errors.IllegalMove,
        errors.UploadGone,
        errors.QuotaExceeded,
        errors.InvalidRequest,
    ),
)
def retry_job(context: InContext, job_id: JobId) -> JobView:
    """Queue a failed or cancelled job again; it resumes from its newest checkpoint."""
    return view(context, usecases.retry_job(context, job_id))


@router.delete(
    "/jobs/{job_id}",
    operation_id="delete_job",
    status_code=204,
    response_class=Response,
    responses=documented(errors.JobNotFound, errors.JobNotDone, errors.InvalidRequest),
)
def delete_job(context: InContext, job_id: JobId) -> None:
    """Remove a job that is done, its log and its checkpoints; what it made stays."""
    usecases.delete_job(context, job_id)
