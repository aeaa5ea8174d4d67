"""Jobs as answers: what the caller may read of them, recorded where it is private."""

from collections.abc import Sequence

from service.api.disclosure import shown_privately
from service.api.views.job import JobView
from service.context import AppContext
from service.domain import access
from service.domain.job import Job


def view(context: AppContext, job: Job) -> JobView:
    """Show what the caller may read of a job, and its place in the queue."""
    return views(context, [job])[0]


def views(context: AppContext, jobs: Sequence[Job]) -> list[JobView]:
    """Show what the caller may read of some jobs, and their places in the queue."""
    shown_privately(context, (job.id for job in jobs if is_private(job)))
    return unrecorded_views(context, jobs)


def is_private(job: Job) -> bool:
    """Say whether something in a job needs the scope private:read."""
    return access.job(frozenset(), job) != job


def unrecorded_views(context: AppContext, jobs: Sequence[Job]) -> list[JobView]:
    """Show jobs likewise; whoever sends them records it, where `is_private` says so."""
    positions = context.records.jobs.queue_positions(jobs)
    return [JobView.of(access.job(context.scopes, job), positions.get(job.id)) for job in jobs]


def etag_of(job: Job) -> str:
    """Tag a job by its version; weak, since a place in the queue changes without one."""
    return f'W/"{job.version}"'
