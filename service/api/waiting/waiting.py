"""Polling and waiting for jobs without holding a thread: what all such requests share."""

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from anyio.to_thread import run_sync
from fastapi import Depends, Request

from service.api.waiting.polled_jobs import PolledJobs
from service.api.waiting.slots import Slots
from service.api.waiting.watcher import JobWatcher
from service.context import AppContext
from service.domain.job import Job

MAX_WAIT_SECONDS = 30


class SharedReads:
    """Makes a reading once for all who ask for it while it is made."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    async def read(self, asked: Hashable, function: Callable[[], Any]) -> Any:
        """Return what a function returns in a thread, or what it already returns to another.

        Args:
            asked: Names what is read, and for whom; equal for the same answer only.
            function: Reads it.
        """
        task = self._running.get(asked)
        if task is None:
            task = asyncio.create_task(run_sync(function))
            self._running[asked] = task
            task.add_done_callback(lambda _: self._running.pop(asked, None))
        return await asyncio.shield(task)  # whoever leaves does not end it for the others


@dataclass(frozen=True, slots=True)
class Waiting:
    """Shared by all requests of a process that poll or wait.

    Attributes:
        watcher: Wakes those that wait.
        slots: Limits their number.
        reads: Lets them read together.
        polled: Jobs for those that poll.
    """

    watcher: JobWatcher
    slots: Slots
    reads: SharedReads = field(default_factory=SharedReads)
    polled: PolledJobs = field(default_factory=PolledJobs)

    async def for_job(
        self, context: AppContext, job_id: str, enough: Callable[[Job], bool], seconds: float
    ) -> Job:
        """Read a job whenever it changes until it is as wanted, or for so many seconds.

        Returns:
            The job as it is then, wanted or not.

        Raises:
            TooManyStreams: Too many requests wait already.
        """
        deadline = time.monotonic() + seconds
        with self.slots.one_of(context.caller), self.watcher.watching(job_id) as changes:
            while True:
                changes.clear()
                job = await run_sync(context.records.jobs.job, job_id)
                if enough(job) or not await changes.within(deadline - time.monotonic()):
                    return job


async def _waiting_of(request: Request) -> Waiting:
    return cast("Waiting", request.app.state.waiting)


InWaiting = Annotated[Waiting, Depends(_waiting_of)]
