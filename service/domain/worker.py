"""A worker process: what it serves, what it runs and when it was last heard of."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# A worker reports every few seconds; one that was silent for so long is taken for gone.
SILENT_SECONDS = 20.0
# Work and messages are exchanged within milliseconds where clocks agree; what is more than this is
# worth an operator's attention, though nothing depends on it.
MAX_CLOCK_SKEW_SECONDS = 5.0


class WorkerState(StrEnum):
    """What the process that runs a worker's jobs does."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STALLED = "stalled"  # it gave no sign for a while; it is replaced when that lasts
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker says of itself.

    Attributes:
        name: Unique among all workers: host, the name it was started with, process.
        host: The machine it runs on.
        pid: Its process there.
        queues: The queues it serves.
        device: What its jobs compute on, `cpu` or `cuda`; None until that is known.
        version: Of its code.
        state: What it does.
        job_id: The job it runs, if any.
        clock_ahead_seconds: By how much its clock is ahead of the database's; filled in by the
            records.
    """

    name: str
    host: str
    pid: int
    queues: tuple[str, ...]
    device: str | None
    version: str
    state: WorkerState
    job_id: str | None = None
    clock_ahead_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as the records know it.

    Attributes:
        report: What it said last.
        started_at: When it was first heard of, by the database's clock.
        last_seen: When it was last heard of, by the same.
        silent_seconds: How long ago that is.
    """

    report: WorkerReport
    started_at: datetime
    last_seen: datetime
    silent_seconds: float

    @property
    def serves(self) -> bool:
        """Whether it takes jobs, as far as is known."""
        stuck = self.report.state in {WorkerState.STALLED, WorkerState.STOPPING}
        return self.silent_seconds <= SILENT_SECONDS and not stuck
