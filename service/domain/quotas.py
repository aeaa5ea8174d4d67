"""Quotas: how much of the service one tenant may use, and how much it uses."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from service.domain.errors import QuotaExceeded
from service.domain.job import HELD, Job
from service.domain.requests import (
    DatasetSource,
    GenerateRequest,
    PreviewRequest,
    TrainRequest,
)

_UNTIL_ROOM = "when a job of yours starts or is cancelled"
_UNTIL_DELETED = "when you delete a dataset"
_BYTES_PER_DRAWN_PIXEL = 1


@dataclass(frozen=True, slots=True)
class Quotas:
    """The limits of one tenant; None where there is none.

    Attributes:
        max_queued_jobs: Jobs that wait at once.
        max_worker_seconds_per_day: Seconds that workers spend on its jobs, per UTC day.
        max_stored_bytes: Bytes of its datasets, and of its uploads until they are ingested.
        max_images_per_day: Images that are generated, those of previews too, per UTC day.
    """

    max_queued_jobs: int | None = None
    max_worker_seconds_per_day: int | None = None
    max_stored_bytes: int | None = None
    max_images_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """What is used of each quota, or what a job adds to it; None where it adds nothing.

    Attributes:
        queued_jobs: Jobs that wait.
        worker_seconds: Of today; a training that is not done counts at least its budget.
        stored_bytes: Of datasets and uploads.
        images: Generated today, or asked for by jobs that are not done.
    """

    queued_jobs: int
    worker_seconds: float
    stored_bytes: int | None
    images: int | None


def use_of(job: Job, stored_bytes: int | None = None) -> Use:
    """Return what a job that is queued adds.

    Args:
        job: The job.
        stored_bytes: What its dataset takes, for an ingest.
    """
    return Use(1, budget_seconds(job), stored_bytes, num_images(job))


def budget_seconds(job: Job) -> int:
    """Return how long a job says that it will take; 0 where it does not say so."""
    request = job.request
    return (request.budget.seconds or 0) if isinstance(request, TrainRequest) else 0


def num_images(job: Job) -> int | None:
    """Return how many images a job generates; None for a job of another kind."""
    request = job.request
    return request.num_images if isinstance(request, GenerateRequest | PreviewRequest) else None


def drawn_bytes(source: DatasetSource) -> int:
    """Return what the pixels of drawn images take; 0 for other sources, known once ingested."""
    drawn = source.phantom
    if drawn is None:
        return 0
    return sum(drawn.class_counts.values()) * drawn.image_size**2 * _BYTES_PER_DRAWN_PIXEL


def check(quotas: Quotas, used: Use, added: Use, now: datetime) -> None:
    """Raise QuotaExceeded where a job would go past a limit.

    Args:
        quotas: The limits.
        used: What is used of them, every part known.
        added: What the job adds.
        now: The present moment, UTC.
    """
    for name, limit, before, more, frees in _compared(quotas, used, added, now):
        if limit is None or before is None or more is None:
            continue
        if before >= limit or before + more > limit:
            raise QuotaExceeded(
                f"The quota of your tenant is {limit:,} {name}: {before:,.0f} are used, and this "
                f"would add {more:,}. Some become free {frees}. Ask for less, wait, or let the "
                "operator raise the quota."
            )


def _compared(
    quotas: Quotas, used: Use, added: Use, now: datetime
) -> Iterator[tuple[str, int | None, float | None, float | None, str]]:
    """Yield of each quota its name, limit, use, what is added, and when some becomes free."""
    midnight = datetime.combine(now.date() + timedelta(1), time(), UTC)
    tomorrow = f"at {midnight:%Y-%m-%d %H:%M} UTC"
    queued, seconds = quotas.max_queued_jobs, quotas.max_worker_seconds_per_day
    stored, images = quotas.max_stored_bytes, quotas.max_images_per_day
    yield "queued jobs", queued, used.queued_jobs, added.queued_jobs, _UNTIL_ROOM
    yield "seconds of work a day", seconds, used.worker_seconds, added.worker_seconds, tomorrow
    yield "stored bytes", stored, used.stored_bytes, added.stored_bytes, _UNTIL_DELETED
    yield "images a day", images, used.images, added.images, tomorrow


def seconds_by_day(job: Job, now: datetime) -> Iterator[tuple[date, float]]:
    """Split the time since a worker took a job by UTC day, oldest first."""
    if job.state not in HELD or job.started_at is None:
        return
    start, now = job.started_at.astimezone(UTC), now.astimezone(UTC)
    while start < now:
        midnight = datetime.combine(start.date() + timedelta(1), time(), UTC)
        end = min(midnight, now)
        yield start.date(), (end - start).total_seconds()
        start = end
