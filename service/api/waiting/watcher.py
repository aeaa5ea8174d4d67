"""Notices changes of jobs for all who wait for one: one query a tick, however many they are."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from service.domain.job import JobRevision
from service.domain.job_ports import JobReads

_log = structlog.get_logger()

TICK_SECONDS = 0.1


class Changes:
    """Wakes one request when its job may have changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Wake the request, or let its next wait end at once."""
        self._changed.set()

    def clear(self) -> None:
        """Forget earlier changes; call it before reading, so that none is missed."""
        self._changed.clear()

    async def within(self, seconds: float) -> bool:
        """Wait for a change; return whether there was one in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class _Watched:
    """A job that is waited for, as it was last seen."""

    revision: JobRevision | None = None
    waiting: set[Changes] = field(default_factory=set)


class JobWatcher:
    """Watches jobs as long as anybody waits for them.

    Args:
        jobs: Where they are; those of every tenant.
    """

    def __init__(self, jobs: JobReads) -> None:
        self._jobs = jobs
        self._watched: dict[str, _Watched] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, job_id: str) -> Iterator[Changes]:
        """Watch a job; its first change may be one from before."""
        changes = Changes()
        watched = self._watched.setdefault(job_id, _Watched())
        watched.waiting.add(changes)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield changes
        finally:
            watched.waiting.discard(changes)
            if not watched.waiting:
                self._watched.pop(job_id, None)

    def revision(self, job_id: str) -> JobRevision | None:
        """Return how a watched job was last seen; None before, and when it is not there."""
        watched = self._watched.get(job_id)
        return watched.revision if watched else None

    async def _watch(self) -> None:
        thread = CapacityLimiter(1)  # of its own: it never waits for requests
        while self._watched:
            try:
                found = await run_sync(self._jobs.revisions, list(self._watched), limiter=thread)
            except Exception:  # whoever waits goes on waiting; the database may come back
                _log.warning("jobs cannot be watched", exc_info=True)
            else:
                self._notify(found)
            await asyncio.sleep(TICK_SECONDS)

    def _notify(self, found: Mapping[str, JobRevision]) -> None:
        for job_id, watched in self._watched.items():
            revision = found.get(job_id)
            if revision is None or revision != watched.revision:
                watched.revision = revision
                for changes in watched.waiting:
                    changes.notify()
