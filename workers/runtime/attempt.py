"""One attempt at one job: its lease, its fence and its report."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from service import tracing
from service.domain.errors import ArtifactsUnavailable, LeaseLost, RecordsUnavailable
from service.domain.job import EventKind, Job, JobProgress
from service.domain.ports import CheckpointFolder
from workers.runtime.context import WorkerContext
from workers.runtime.flag import Flag

log = structlog.get_logger()

REPORT_INTERVAL_SECONDS = 1.0


class Cancelled(Exception):
    """The client asked for the job to be cancelled."""


class Stopped(Exception):
    """The worker was asked to stop; another goes on with the job."""


class Attempt:
    """One claim of a job by this worker, and what the code that does the work may ask and say.

    Inside the `with` block a thread renews the lease and looks for a cancel request. `check` raises
    where either ends the attempt; the runner lets it be called by `release.cancellation`, so the
    work must call `check_cancelled` at least every half second.
    """

    def __init__(self, job: Job, context: WorkerContext) -> None:
        self.job = job
        self.records = context.records
        self.artifacts = context.artifacts
        self.settings = context.settings
        self.now = context.clock.now
        self.name = f"{job.id}-{job.attempt}"
        self._claim = job.claim_held
        self._sign = context.sign
        self._stop = context.stop
        self._renewed_at = time.monotonic()
        self._cancelled = threading.Event()
        self._lost = threading.Event()
        self._ended = Flag()
        self._phases = tracing.Phases()
        self._reported_at = float("-inf")
        self._thread = threading.Thread(target=self._renew, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._sign.begin_job()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._phases.end()
        self.discard()
        self._sign.end_job()

    def check(self) -> None:
        """Go on, or stop here.

        Raises:
            Cancelled: The client asked for it.
            LeaseLost: Another attempt may hold the job by now.
            Stopped: The worker was asked to stop.
        """
        self._sign.step()
        silent_seconds = time.monotonic() - self._renewed_at
        if self._lost.is_set() or silent_seconds >= self.settings.lease_seconds:
            raise LeaseLost(f"Attempt {self.job.attempt} no longer holds job {self.job.id}; stop.")
        if self._cancelled.is_set():
            raise Cancelled
        if self._stop.made:
            raise Stopped

    def end_process(self) -> None:
        """Have the worker run its next job in a fresh process."""
        self._stop.make()

    def staging(self, part: str = "") -> Path:
        """Make an empty folder for this attempt's outputs; what is left in it goes at the end.

        Args:
            part: Suffix of its name, for a second folder of the same attempt.
        """
        return self.artifacts.staging("-".join(filter(None, (self.name, part))))

    @cached_property
    def checkpoints(self) -> CheckpointFolder:
        """The checkpoints of the job, with what earlier attempts kept."""
        return self.artifacts.open_checkpoints(self.job.id, self.name)

    def keep_checkpoints(self) -> bool:
        """Let a later attempt find the checkpoints; that they cannot be kept is logged."""
        try:
            self.checkpoints.keep()
        except ArtifactsUnavailable as error:
            log.warning("checkpoint not kept", job_id=self.job.id, reason=str(error))
            return False
        return True

    def discard(self) -> None:
        """Drop what is staged and not published; frees the disk before a failure is recorded."""
        with suppress(OSError):
            self.artifacts.delete_staging(self.name)

    def report_due(self) -> bool:
        """Whether the last report is old enough for another."""
        return time.monotonic() - self._reported_at >= REPORT_INTERVAL_SECONDS

    def report(self, progress: JobProgress, metrics: Mapping[str, float] | None = None) -> None:
        """Record how far the job is; raises LeaseLost when fenced off."""
        self._reported_at = time.monotonic()
        self._phases.enter(progress.phase)
        self._record(progress=progress, metrics=metrics)

    def checkpointed(self, images_seen: int) -> None:
        """Keep a new checkpoint, then record it; raises LeaseLost when fenced off."""
        if not self.keep_checkpoints():
            return
        self._record(events=[(EventKind.CHECKPOINT, {"images_seen": images_seen})], checkpoint=True)

    def log(self, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Append to the job's log; raises LeaseLost when fenced off."""
        self._record(events=[(kind, data)])

    def _record(self, **report: Any) -> None:
        """Report; one that a database that is away misses is no reason to stop working."""
        try:
            self.records.jobs.record(self._claim, **report)
        except RecordsUnavailable:
            log.warning("report lost", job_id=self.job.id)

    def _renew(self) -> None:
        """Renew the lease until the attempt ends.

        A database that is away for a moment is no reason to stop: the lease, not the answer,
        decides. Only the fence or a lease run out ends the attempt.
        """
        settings = self.settings
        while not self._ended.wait(settings.heartbeat_seconds):
            began = time.monotonic()
            try:
                cancelled = self.records.jobs.heartbeat(self._claim, settings.lease_seconds)
            except LeaseLost:
                self._lost.set()
                return
            except RecordsUnavailable:
                log.warning("heartbeat failed", job_id=self.job.id)
                continue
            self._renewed_at = began
            if cancelled:
                self._cancelled.set()
