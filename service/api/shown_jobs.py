"""Jobs as answers, and the fast way to them for clients that poll."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from service.api.disclosure import shown_privately
from service.api.views.job import JobView
from service.api.waiting.batches import Batches
from service.context import AppContext
from service.domain import access
from service.domain.caller import Scope
from service.domain.job import Job


def view(context: AppContext, job: Job) -> JobView:
    """Show what the caller may read of a job, and its place in the queue."""
    return views(context, [job])[0]


def views(context: AppContext, jobs: Sequence[Job]) -> list[JobView]:
    """Show what the caller may read of some jobs, and their places in the queue."""
    shown_privately(context, (job.id for job in jobs if is_private(job)))
    return _views(context, jobs)


def is_private(job: Job) -> bool:
    """Say whether something in a job needs the scope private:read."""
    return access.job(frozenset(), job) != job


def _views(context: AppContext, jobs: Sequence[Job]) -> list[JobView]:
    positions = context.records.jobs.queue_positions(jobs)
    return [JobView.of(access.job(context.scopes, job), positions.get(job.id)) for job in jobs]


def etag_of(job: Job) -> str:
    """Tag a job by its version; weak, since a place in the queue changes without one."""
    return f'W/"{job.version}"'


@dataclass(frozen=True, slots=True)
class ShownJob:
    """A job as an answer.

    Attributes:
        content: The body, JSON.
        etag: Its tag.
        done: Whether the job is done.
        private: Whether who reads it must be recorded, see `is_private`.
    """

    content: str
    etag: str
    done: bool
    private: bool


class PolledJobs:
    """Jobs as clients poll them, read in batches for callers who may see the same of them."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, frozenset[Scope]], Batches[ShownJob]] = {}

    def of(self, context: AppContext) -> Batches[ShownJob]:
        """Return the batches that a caller's requests join."""
        sees = (context.caller.tenant, context.caller.scopes)
        if sees not in self._of:
            self._of[sees] = Batches(partial(_shown, context))
        return self._of[sees]


def _shown(context: AppContext, job_ids: Sequence[str]) -> dict[str, ShownJob]:
    jobs = context.records.jobs.some_jobs(job_ids)
    return {
        job.id: ShownJob(each.model_dump_json(), etag_of(job), job.state.done, is_private(job))
        for job, each in zip(jobs, _views(context, jobs), strict=True)
    }
