"""What a client reads of a job and of its log."""

from typing import Any, Literal

from pydantic import Field

from service import examples
from service.api.views.base import Moment, ProblemView, View, attributes, shown
from service.domain.job import Job, JobKind, JobState
from service.domain.json_form import as_json


class StagePlanView(View):
    """What one stage of a training does."""

    stage: str
    images: int = Field(description="Training images it sees, with repetition.")
    images_per_second: float
    seconds: float = Field(description="From its preparation to its conclusion.")


class ProgressView(View):
    """How far a running job is."""

    phase: str
    images_seen: int
    total_images: int | None
    fraction: float | None
    images_per_second: float | None
    eta_seconds: float | None
    expected_seconds: float | None = Field(
        description="Time the whole job takes, estimated before a training's first update by a "
        "short measured trial."
    )
    plan: list[StagePlanView] = Field(
        description="The stages of a training, as the trial measured them; empty before it."
    )


class ResultView(View):
    """The one thing a succeeded job made."""

    dataset_id: str | None
    model_id: str | None
    synthetic_set_id: str | None


class JobView(View):
    """One piece of work."""

    model_config = shown(examples.JOB)

    id: str
    kind: JobKind
    state: JobState
    done: bool = Field(description="Whether it succeeded, failed or was cancelled.")
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    attempt: int = Field(description="How often a worker took it.")
    queue_position: int | None = Field(description="Your own jobs before it, while it is queued.")
    progress: ProgressView | None
    metrics: dict[str, float]
    request: dict[str, Any] = Field(description="The request, completed by every default.")
    result: ResultView | None
    error: ProblemView | None
    labels: dict[str, str]
    links: dict[str, str]
    warnings: list[str] = Field(
        default_factory=list,
        description="In the answer to `POST /generate` alone: why the set cannot pass, and with "
        "which counts it can.",
    )

    @classmethod
    def of(cls, job: Job, queue_position: int | None) -> "JobView":
        """Show a job."""
        return cls.model_validate(
            attributes(cls, job)
            | {
                "done": job.state.done,
                "queue_position": queue_position,
                "request": as_json(job.request),
                "error": ProblemView.of(job.error) if job.error else None,
                "links": _links(job),
            }
        )


def _links(job: Job) -> dict[str, str]:
    here = f"/jobs/{job.id}"
    links = {"self": here, "events": f"{here}/events"}
    if job.state in {JobState.QUEUED, JobState.RUNNING}:
        links["cancel"] = f"{here}/cancel"
    if job.state in {JobState.FAILED, JobState.CANCELLED}:
        links["retry"] = f"{here}/retry"
    if job.result and job.result.dataset_id:
        links["dataset"] = f"/datasets/{job.result.dataset_id}"
    if job.result and job.result.model_id:
        links["model"] = f"/models/{job.result.model_id}"
    if job.kind is JobKind.SCORE and job.result:
        links["scores"] = f"/models/{job.result.model_id}/scores/{job.id}"
    if job.kind is JobKind.PREVIEW and job.result:
        links["preview"] = f"/models/{job.result.model_id}/previews/{job.id}/0.png"
    if job.result and job.result.synthetic_set_id:
        links["synthetic_set"] = f"/synthetic-sets/{job.result.synthetic_set_id}"
    return links


class EventView(View):
    """One entry of a job's log; in a stream, the data of one message."""

    model_config = shown(examples.EVENT)

    sequence: int
    kind: Literal[
        "state", "plan", "progress", "metrics", "sample", "checkpoint", "diagnosis", "log", "done"
    ]
    at: Moment
    data: dict[str, Any]


class EventPage(View):
    """Entries of a job's log, oldest first."""

    items: list[EventView]
    next_after: int = Field(description="Pass it as `after` to read on.")
