"""Bodies of answers: what a client reads of each record."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from service import examples
from service.domain.errors import Problem
from service.domain.job import Job, JobKind, JobState
from service.domain.json_form import as_json
from service.domain.readiness import Condition, degradations, num_serving
from service.domain.records import DatasetState, Model
from service.domain.worker import Worker, WorkerState

V = TypeVar("V")


def rfc3339(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class View(BaseModel):
    """What a client reads of a record."""

    model_config = ConfigDict(from_attributes=True, protected_namespaces=())


def attributes(view: type[View], record: object) -> dict[str, Any]:
    """Return the attributes of a record that a view has fields for."""
    return {name: getattr(record, name) for name in view.model_fields if hasattr(record, name)}


def shown(example: Mapping[str, Any]) -> ConfigDict:
    """Configure a view that shows an example in openapi.yaml."""
    return ConfigDict(json_schema_extra={"examples": [dict(example)]})


class FieldErrorView(View):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON pointer into the body, or /query/..., /header/...")
    detail: str


class ProblemView(View):
    """Why a request or a job failed (RFC 9457); docs/errors.md explains each code."""

    model_config = shown(examples.PROBLEM)

    type: str
    title: str
    status: int | None = Field(description="HTTP status; null where a job failed, not a request.")
    detail: str
    code: str
    retryable: bool = Field(description="Whether the same request may succeed later.")
    request_id: str | None
    errors: list[FieldErrorView]

    @classmethod
    def of(
        cls, problem: Problem, status: int | None = None, request_id: str | None = None
    ) -> "ProblemView":
        """Show a problem."""
        return cls(
            type=f"/problems/{problem.code}",
            title=problem.code.replace("_", " ").capitalize(),
            status=status,
            detail=problem.detail,
            code=problem.code,
            retryable=problem.retryable,
            request_id=request_id,
            errors=[FieldErrorView.model_validate(field) for field in problem.fields],
        )


class Page(View, Generic[V]):
    """A stretch of a list, newest first."""

    items: list[V]
    next_cursor: str | None = Field(description="Pass it as `cursor`; null on the last page.")


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


class ClassSplitView(View):
    """How many images a class has and, for the scope `private:read` alone, in which splits."""

    images: int
    train: int | None = Field(
        description="Images that models learn from, the included ones among them; like all counts "
        "of splits null without the scope `private:read`."
    )
    included: int | None = Field(
        description="Images of the audit pool that a fair random bit per patient included in train."
    )
    holdout: int | None = Field(
        description="The audit pool's other images, which no model learns from: the gate compares "
        "sets with them."
    )
    test: int | None = Field(description="Images kept for the utility test of finished sets.")


class DroppedFileView(View):
    """A file that was left out, and why."""

    file: str | None = Field(
        description="Null without the scope `private:read`: files may be named after patients."
    )
    reason: str
    code: str


class ImageWithTextView(View):
    """An image that text is burnt into, and that was not dropped for it."""

    file: str | None = Field(
        description="Null without the scope `private:read`: files may be named after patients."
    )
    num_places: int = Field(description="Places at which text was found in it.")


class DatasetWarningView(View):
    """What an ingest found that its user should look at; docs/datasets.md explains each code."""

    code: str
    detail: str = Field(description="It names no file and quotes no cell.")
    num_images: int = Field(description="How many images it is about.")


class PublicDataView(View):
    """Images that anybody may have."""

    licence: str
    source: str


class DatasetView(View):
    """A private labelled set of radiographs."""

    model_config = shown(examples.DATASET)

    id: str
    name: str
    state: DatasetState
    source: dict[str, Any]
    created_at: Moment
    job_id: str
    public: PublicDataView | None = Field(
        description="What whoever added it declared of images that are public; null where they are "
        "private, or phantoms."
    )
    classes: dict[str, ClassSplitView]
    image_size: int | None
    bit_depth: int | None
    fingerprint: str | None = Field(
        description="sha256 over pixels, labels and patient groups; not for publication, and null "
        "without the scope `private:read`."
    )
    version: str | None = Field(
        description="Keyed hash of the fingerprint, for publication; null until it is ingested."
    )
    dropped: list[DroppedFileView] = Field(
        description="The first files that were left out; GET /datasets/{id}/dropped has all."
    )
    dropped_counts: dict[str, int] = Field(description="How many files were left out, by code.")
    warnings: list[DatasetWarningView]
    summary: dict[str, Any] = Field(
        description="What else the ingest found. Counts of near-duplicates, of known images and of "
        "patients who were split apart are there with the scope `private:read` alone."
    )

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "DatasetView":
        """Show what `access.dataset` returns."""
        return cls.model_validate(fields)


class ModelView(View):
    """A trained model."""

    model_config = shown(examples.MODEL)

    id: str
    family: str
    dataset_id: str
    classes: list[str]
    image_size: int
    config: dict[str, Any]
    preset: str
    images_seen: int
    snapshot_sha256: str
    job_id: str
    created_at: Moment
    inherited: list[str] = Field(
        description="Other private datasets that its weights learned from, through the model that "
        "its training started from. Its sets are searched for copies of their images too."
    )
    public_data: list[PublicDataView] = Field(
        description="All that it learned from, where all of it is public; empty where anything is "
        "private."
    )
    card: dict[str, Any] = Field(
        description="Curves and figures; `num_training_images` and `dataset_fingerprint` are there "
        "with the scope `private:read` alone."
    )

    @classmethod
    def of(cls, model: Model) -> "ModelView":
        """Show a model."""
        own = {"snapshot_sha256": model.snapshot.sha256, "card": as_json(model.card)}
        return cls.model_validate(attributes(cls, model) | own)


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
