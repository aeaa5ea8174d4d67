"""Jobs as answers for clients that poll, read in batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from service.api.shown_jobs import etag_of, is_private, unrecorded_views
from service.api.waiting.batches import Batches
from service.context import AppContext
from service.domain.caller import Scope


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
        for job, each in zip(jobs, unrecorded_views(context, jobs), strict=True)
    }
