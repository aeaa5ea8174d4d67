"""Waiting for a job without holding a thread."""

import time
from collections.abc import Callable

import anyio
from anyio.to_thread import run_sync

from service.domain.job import Job
from service.domain.ports import Records

POLL_SECONDS = 0.1
MAX_WAIT_SECONDS = 30


async def wait_for_job(
    records: Records, job_id: str, enough: Callable[[Job], bool], seconds: float
) -> Job:
    """Read a job until it is as wanted, or for so many seconds; return it either way."""
    deadline = time.monotonic() + seconds
    while True:
        job = await run_sync(records.jobs.job, job_id)
        left = deadline - time.monotonic()
        if left <= 0 or enough(job):
            return job
        await anyio.sleep(min(POLL_SECONDS, left))
