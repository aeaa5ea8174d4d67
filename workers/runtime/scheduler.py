"""The scheduler: notifies again of what waits, and takes back what a dead worker holds.

Any number may run; one at a time holds the lock and works, the others stand by.
"""

from __future__ import annotations

import os
import socket
import time

import structlog

from service.adapters.signing_keys import KeyRing
from service.domain.erasure import carry_out
from service.domain.errors import ArtifactsUnavailable, RecordsUnavailable, SigningKeyLost
from service.domain.job import JobKind
from service.domain.ports import TaskQueue
from workers.runtime.context import WorkerContext
from workers.runtime.flag import Flag
from workers.runtime.garbage_collection import prune

log = structlog.get_logger()

NOTIFY_AGAIN_SECONDS = 10.0
PRUNE_INTERVAL_SECONDS = 600.0
FORGET_WORKER_SECONDS = 3600.0  # one that was stopped says goodbye; this one died
FINISH_AFTER_SECONDS = 10.0


class Scheduler:
    """Looks after waiting and lost jobs, once an interval.

    Args:
        context: Where the records are.
        queue: Notifies the workers.
    """

    def __init__(self, context: WorkerContext, queue: TaskQueue) -> None:
        self._context = context
        self._queue = queue
        self._keys = KeyRing(context.settings.data_dir)
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._notified_at: dict[str, float] = {}
        self._pruned_at = float("-inf")

    def run(self, stop: Flag) -> None:
        """Work until `stop` is set; a database that is away is waited for."""
        interval = self._context.settings.scheduler_interval_seconds
        while not stop.wait(interval):
            try:
                self.run_once()
            except RecordsUnavailable:
                log.warning("records unavailable")

    def run_once(self) -> None:
        """Do what is due, if no other scheduler holds the lock."""
        records, settings = self._context.records, self._context.settings
        lock_seconds = max(10 * settings.scheduler_interval_seconds, 5.0)
        if not records.jobs.hold_scheduler_lock(self._holder, lock_seconds):
            return
        moved = records.jobs.expire_leases(settings.max_attempts_without_checkpoint)
        for job in moved:
            log.warning("lease expired", job_id=job.id, state=str(job.state))
            self._context.artifacts.delete_staging(f"{job.id}-{job.attempt}")
            self._notified_at.pop(job.id, None)
        self._ring()
        self._finish_deletions()
        if time.monotonic() - self._pruned_at > PRUNE_INTERVAL_SECONDS:
            records.workers.forget_silent(FORGET_WORKER_SECONDS)
            self._prune()
            self._pruned_at = time.monotonic()

    def _prune(self) -> None:
        """Remove what nobody needs; an object store that is away is asked again the next time."""
        records, artifacts = self._context.records, self._context.artifacts
        retention = self._context.settings.upload_retention_seconds
        try:
            artifacts.check()
            artifacts.discard_abandoned_uploads()
            prune(records, artifacts, upload_retention_seconds=retention)
        except (ArtifactsUnavailable, OSError) as error:
            log.warning("not pruned", reason=type(error).__name__)

    def _finish_deletions(self) -> None:
        """Take to their end the deletions whose process died; what cannot be done waits."""
        context = self._context
        for deletion in context.records.deletions.unfinished():
            age = context.clock.now() - deletion.created_at
            if age.total_seconds() < FINISH_AFTER_SECONDS:
                continue  # whoever began it is probably at it
            try:
                context.artifacts.check()  # one that is away is not waited for
                carry_out(deletion, context.records, context.artifacts, self._keys, context.clock)
                log.info("deletion finished", deletion_id=deletion.id)
            except ArtifactsUnavailable:
                log.warning("deletions wait", reason=ArtifactsUnavailable.code)
                return
            except (OSError, SigningKeyLost) as error:
                log.warning("deletion waits", deletion_id=deletion.id, reason=type(error).__name__)

    def _ring(self) -> None:
        """Announce every waiting job, again after a while: a message may have been lost."""
        now = time.monotonic()
        records = self._context.records
        waiting = {
            job.id: job.queue for kind in JobKind for job in records.jobs.queued_jobs(kind.queue)
        }
        self._notified_at = {
            job_id: at for job_id, at in self._notified_at.items() if job_id in waiting
        }
        for job_id, queue in waiting.items():
            if now - self._notified_at.get(job_id, float("-inf")) >= NOTIFY_AGAIN_SECONDS:
                self._queue.notify(queue, job_id)
                self._notified_at[job_id] = now
