"""A worker: it looks after the process that runs its jobs, and runs none itself.

It imports no torch and waits for nothing for long, so it can still act when a job cannot: when the
process dies, stands still, lost its job or does not heed a cancel, the job is moved at once and
the next process begins.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection

import structlog

from service.domain.errors import ArtifactsUnavailable, LeaseLost, RecordsUnavailable
from service.domain.job import Job, JobState
from service.domain.worker import WorkerReport, WorkerState
from workers.job_process import START_SECONDS, JobProcess, end_fork_server
from workers.runtime.context import WorkerContext

log = structlog.get_logger()

TICK_SECONDS = 0.25
REPORT_SECONDS = 5.0
# A cancelled job ends by itself within a second; one that does not is ended by force.
CANCEL_SECONDS = 1.25
# A process whose job was taken over stops at its next step; one that takes none is killed.
LOST_SECONDS = 10.0
# A process that waits looks for jobs every second; one that does not for so long is replaced.
IDLE_SECONDS = 60.0
PASSED_OVER_SECONDS = 10.0  # jobs that wait so long while it is idle show that it is stalled
STALL_STEPS = 20
FAILED_STARTS_OF_A_SERVER = 3  # then the server they are forked from is suspected
LONGEST_PAUSE_SECONDS = 10.0  # between two processes that could not even start


class Worker:
    """One process of jobs after the other, each looked after until it ends.

    Args:
        name: Unique on this host.
        queues: Those whose jobs it runs.
        context: Where the records are.
        version: Of this code.
        start: Starts a process of jobs.
    """

    def __init__(
        self,
        name: str,
        queues: Sequence[str],
        context: WorkerContext,
        version: str,
        start: Callable[[], JobProcess],
    ) -> None:
        self._name = f"{socket.gethostname()}:{name}:{os.getpid()}"
        self._queues = tuple(queues)
        self._context = context
        self._version = version
        self._start = start
        self._process: JobProcess | None = None
        self._num_failed_starts = 0
        self._start_at = 0.0
        self._held: Job | None = None
        self._cancelling_since: float | None = None
        self._passed_over_since: float | None = None
        self._reported: tuple[float, WorkerReport | None] = (float("-inf"), None)
        self._num_stop_requests = 0
        self._reads, self._writes = os.pipe()
        os.set_blocking(self._reads, False)
        os.set_blocking(self._writes, False)

    def notify(self) -> None:
        """Say that a job may wait; from any thread."""
        with contextlib.suppress(BlockingIOError):  # earlier ones were not read yet
            os.write(self._writes, b"\0")

    def stop(self, *_: object) -> None:
        """Stop soon and hand the job back; a second call stops now. A signal handler."""
        self._num_stop_requests += 1

    def run(self) -> None:
        """Look after processes until asked to stop.

        Raises:
            SystemExit: Jobs wait and none is taken, whatever was tried: whoever keeps this
                process running starts it afresh.
        """
        signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)
        try:
            while not self._num_stop_requests:
                try:
                    self._look_after()
                    self._report()
                except RecordsUnavailable:
                    log.warning("records unavailable")
                self._wait(TICK_SECONDS)
            self._shut_down()
        except BaseException:
            if self._process:  # Python waits for it at its exit
                self._process.kill()
            raise

    def _look_after(self) -> None:
        process = self._process
        if process is None:
            if time.monotonic() >= self._start_at:
                self._begin()
        elif process.has_ended:
            self._end(process.ending)
        elif fault := self._fault(process):
            log.error("process killed", process=process.name, reason=fault)
            process.kill()
            self._end(fault)

    def _begin(self) -> None:
        self._report(WorkerState.STARTING)
        try:
            self._process = self._start()
        except TimeoutError:
            log.exception("process not started")
            end_fork_server()  # it hangs
            self._pause()
        except (OSError, EOFError):
            log.exception("process not started")
            self._pause()

    def _pause(self) -> None:
        self._num_failed_starts += 1
        if self._num_failed_starts % FAILED_STARTS_OF_A_SERVER == 0:
            end_fork_server()
        pause = min(0.25 * 2.0**self._num_failed_starts, LONGEST_PAUSE_SECONDS)
        self._start_at = time.monotonic() + pause

    def _fault(self, process: JobProcess) -> str | None:
        """Say why a process must be killed, if it must."""
        silent = process.sign.silent_seconds
        if not process.sign.is_busy:
            self._held = self._cancelling_since = None
            if process.device is None:
                return "it does not come to look for jobs" if silent > START_SECONDS else None
            return "it no longer looks for jobs" if silent > IDLE_SECONDS else None
        limit = max(
            self._context.settings.stall_seconds,
            STALL_STEPS * process.sign.slowest_step_seconds,
        )
        if silent > limit:
            return f"it made no progress for {silent:.0f} seconds"
        self._held = self._context.records.jobs.held_by(process.name)
        if self._held is None:
            return "its job was taken over" if silent > LOST_SECONDS else None
        if self._held.state is not JobState.CANCELLING:
            self._cancelling_since = None
            return None
        now = time.monotonic()
        self._cancelling_since = self._cancelling_since or now
        late = now - self._cancelling_since > CANCEL_SECONDS
        return "it did not heed the cancel" if late else None

    def _end(self, reason: str, *, handed_back: bool = False) -> None:
        """Move the job of a process that is gone, without waiting for its lease to run out."""
        process, self._process = self._process, None
        assert process is not None
        if process.ended_well or process.sign.is_busy:
            self._num_failed_starts = 0
        else:
            self._pause()
        name = process.name
        process.close()
        self._held = self._cancelling_since = None
        jobs, settings = self._context.records.jobs, self._context.settings
        job = jobs.held_by(name)
        if job is None:
            return
        with contextlib.suppress(OSError):
            self._context.artifacts.delete_staging(f"{job.id}-{job.attempt}")
        try:
            if handed_back:
                moved = jobs.hand_back(job.claim_held)
            else:
                moved = jobs.give_up(
                    job.claim_held, reason, settings.max_attempts_without_checkpoint
                )
        except LeaseLost:  # the scheduler was first
            return
        log.warning("attempt lost", job_id=job.id, state=str(moved.state), reason=reason)

    def _report(self, state: WorkerState | None = None) -> None:
        """Say that this worker lives, every few seconds and when something changes."""
        process = self._process
        report = WorkerReport(
            name=self._name,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=self._queues,
            device=process.device if process else None,
            version=self._version,
            state=state or self._state(),
            job_id=self._held.id if self._held else None,
        )
        reported_at, last = self._reported
        due = time.monotonic() - reported_at >= REPORT_SECONDS
        if due or report != last:
            self._context.records.workers.report(report)
            self._reported = (time.monotonic(), report)
        if due:
            self._check_passed_over(report)

    def _state(self) -> WorkerState:
        if self._process is None or self._process.device is None:
            return WorkerState.STARTING
        silent = self._process.sign.silent_seconds
        since = self._passed_over_since
        passed_over = since is not None and time.monotonic() - since > PASSED_OVER_SECONDS
        if silent > self._context.settings.lease_seconds or passed_over:
            return WorkerState.STALLED
        return WorkerState.BUSY if self._process.sign.is_busy else WorkerState.IDLE

    def _check_passed_over(self, report: WorkerReport) -> None:
        """End this process when its queues wait though it could run their jobs."""
        busy = report.state not in {WorkerState.IDLE, WorkerState.STALLED} or report.job_id
        waits = not busy and self._context.records.jobs.next_queued(self._queues) is not None
        if not waits or not self._artifacts_answer():
            self._passed_over_since = None
            return
        now = time.monotonic()
        self._passed_over_since = self._passed_over_since or now
        if now - self._passed_over_since > IDLE_SECONDS:
            raise SystemExit(f"Jobs wait and none was taken for {IDLE_SECONDS:.0f} seconds.")

    def _artifacts_answer(self) -> bool:
        """Say whether jobs could work: without their artifacts none begins, and that is right."""
        try:
            self._context.artifacts.check()
        except ArtifactsUnavailable:
            return False
        return True

    def _shut_down(self) -> None:
        """Let the job stop at its next step; kill it when that takes too long."""
        until = time.monotonic() + self._context.settings.stop_seconds
        try:
            self._report(WorkerState.STOPPING)
        except RecordsUnavailable:
            log.warning("records unavailable")
        process = self._process
        if process is not None:
            process.ask_to_stop()
            while not process.has_ended:
                if time.monotonic() > until or self._num_stop_requests > 1:
                    process.kill()
                self._wait(TICK_SECONDS)
        try:
            if process is not None:
                self._end("its worker was stopped", handed_back=True)
            self._context.records.workers.leave(self._name)
        except RecordsUnavailable:
            log.warning("records unavailable")

    def _wait(self, seconds: float) -> None:
        """Wait until the process ends, a notification or a signal comes, or for a while."""
        process = self._process
        sentinels = [process.sentinel] if process else []
        ready = connection.wait([*sentinels, self._reads], seconds)
        if self._reads not in ready:
            return
        os.read(self._reads, 4096)
        if process and not process.sign.is_busy and not self._num_stop_requests:
            process.notify()
