"""What a client reads of the service: its health, its workers, its version."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field

from service import examples
from service.api.views.base import Moment, View, attributes, shown
from service.domain.job import JobKind
from service.domain.readiness import Condition, degradations, num_serving
from service.domain.worker import Worker, WorkerState


class HealthView(View):
    """The process answers."""

    model_config = shown({"status": "ok"})

    status: Literal["ok"]


class DegradationView(View):
    """One thing that is amiss while the service still answers."""

    code: str = Field(description="Stable name, explained in docs/errors.md.")
    detail: str


class QueueView(View):
    """One queue: who serves it and who waits."""

    queue: str
    num_workers: int = Field(description="Workers that take jobs from it.")
    num_waiting: int = Field(description="Jobs that wait in it.")


class ReadinessView(View):
    """The service can serve; what is amiss all the same."""

    model_config = shown(
        {
            "status": "degraded",
            "degraded": [{"code": "scheduler_late", "detail": "No scheduler runs: jobs ..."}],
            "queues": [{"queue": "gpu.train", "num_workers": 1, "num_waiting": 0}],
            "max_clock_skew_seconds": 0.01,
            "free_bytes": 10_000_000_000,
            "broker": "reachable",
            "unreadable_extractors": [],
        }
    )

    status: Literal["ready", "degraded"]
    degraded: list[DegradationView]
    queues: list[QueueView]
    max_clock_skew_seconds: float = Field(
        description="Largest difference between the clock of a worker, or of this process, and "
        "that of the database. Nothing but the times that are shown depends on it."
    )
    free_bytes: int | None = Field(description="Room for artifacts; null where nothing bounds it.")
    broker: Literal["reachable", "unreachable"]
    unreadable_extractors: list[str] = Field(
        description="Networks of SYNTHCXR_EXTRACTORS whose files are not there; until they are "
        "mended no set can be asked for."
    )

    @classmethod
    def of(cls, now: Condition, num_queued: Mapping[str, int]) -> Self:
        """Show a condition and how many jobs wait."""
        degraded = [DegradationView.model_validate(each) for each in degradations(now)]
        skews = [worker.report.clock_ahead_seconds for worker in now.workers]
        return cls(
            status="degraded" if degraded else "ready",
            degraded=degraded,
            queues=[
                QueueView(
                    queue=kind.queue,
                    num_workers=num_serving(now.workers, kind),
                    num_waiting=num_queued.get(kind.queue, 0),
                )
                for kind in JobKind
            ],
            max_clock_skew_seconds=max(map(abs, [now.clock_ahead_seconds, *skews])),
            free_bytes=now.free_bytes,
            broker="reachable" if now.broker_reachable else "unreachable",
            unreadable_extractors=list(now.unreadable_extractors),
        )


class WorkerView(View):
    """A process that runs jobs."""

    model_config = shown(examples.WORKER)

    name: str = Field(description="Host, the name it was started with, process.")
    host: str
    pid: int
    queues: list[str] = Field(description="The queues it serves.")
    device: Literal["cpu", "cuda"] | None = Field(description="Null until it is known.")
    version: str
    state: WorkerState
    job_id: str | None = Field(description="The job it runs, if any.")
    started_at: Moment
    last_seen: Moment
    silent_seconds: float = Field(description="How long ago it was last heard of.")
    clock_ahead_seconds: float = Field(
        description="By how much its clock is ahead of the database's."
    )

    @classmethod
    def of(cls, worker: Worker) -> Self:
        """Show a worker."""
        return cls.model_validate({**attributes(cls, worker.report), **attributes(cls, worker)})


class WorkersView(View):
    """The workers that were heard of."""

    items: list[WorkerView]


class VersionView(View):
    """Which service this is."""

    model_config = shown({"name": "synthcxr", "version": "0.1.0"})

    name: str
    version: str
