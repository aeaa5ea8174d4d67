"""Following a job: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text
from typing_extensions import override

from synthcxr.cli.interruption import interruptible, job_goes_on
from synthcxr.cli.output import say, stderr
from synthcxr.client import Client
from synthcxr.resources import Job

LINE_EVERY_SECONDS = 10.0
MONITORED = "memorisation_standard_errors"  # a warning of the training's log, no number to watch


def finish(
    client: Client, job: Job, *, quiet: bool = False, timeout_seconds: float | None = None
) -> Job:
    """Follow a job to its end and show how it goes.

    Args:
        client: Where the job runs.
        job: The job.
        quiet: Show nothing.
        timeout_seconds: How long to wait at most.

    Returns:
        The job, succeeded.

    Raises:
        JobFailed: It failed or was cancelled.
        WaitTimedOut: It is not done yet.
        Interrupted: A person pressed Ctrl-C.
    """
    with interruptible(job_goes_on(job.id)):
        if quiet:
            job = client.jobs.wait(job.id, timeout_seconds=timeout_seconds)
        elif stderr.is_terminal:
            job = _finish_with_bar(client, job, timeout_seconds)
        else:
            lines = _Lines()
            job = client.jobs.wait(
                job.id, lambda job: lines(_under_way(client, job)), timeout_seconds=timeout_seconds
            )
    job.raise_unless_succeeded()
    return job


def _under_way(client: Client, job: Job) -> Job:
    """Return what to show of a job: where a set waits for the preparation of its kind, that."""
    if (job.kind, job.state) != ("generate", "queued"):
        return job
    return next(iter(client.jobs.list(kind="prepare", state="running")), job)


def describe(job: Job, *, time_left: bool = True) -> str:
    """Say in one line how far a job has come: phase, images, speed, time left, its loss."""
    progress = job.progress
    if job.state != "running" or progress is None:
        waiting = f", {job.queue_position} before it" if job.queue_position else ""
        return f"{job.kind} {job.state}{waiting}"
    parts = [progress.phase or job.state]
    if progress.images_seen:
        total = f"/{progress.total_images}" if progress.total_images else ""
        parts.append(f"{progress.images_seen}{total} images")
    if progress.images_per_second:
        parts.append(f"{progress.images_per_second:.0f} images/s")
    if time_left and progress.eta_seconds is not None and progress.eta_seconds >= 1:
        parts.append(f"{_clock(progress.eta_seconds)} left")
    return "  ".join([f"{job.kind} {parts[0]}", *parts[1:], *_loss(job.metrics or {})])


def expectation(job: Job) -> str | None:
    """Say in one line how long a training will take, once its trial is over."""
    progress = job.progress
    if progress is None or progress.expected_seconds is None:
        return None
    stages = "".join(
        f"  {plan['stage']} {_clock(plan['seconds'])}{_at(plan['images_per_second'])}"
        for plan in progress.plan
    )
    return f"{job.kind} takes about {_clock(progress.expected_seconds)}:{stages}"


def _at(images_per_second: float) -> str:
    """Say how fast a stage is; one that is fitted in closed form sees no stream of images."""
    return f" at {images_per_second:.0f} images/s" if images_per_second else ""


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"


def _loss(metrics: dict[str, Any]) -> list[str]:
    """Show one loss: the first, which is that of the stage that runs."""
    numbers = ((name, value) for name, value in metrics.items() if isinstance(value, float))
    return [f"{name} {value:.4g}" for name, value in numbers if name != MONITORED][:1]


def _fraction(job: Job) -> float | None:
    if job.state == "succeeded":
        return 1.0
    return job.progress.fraction if job.progress else None


class TimeColumn(ProgressColumn):
    """Time left, counted down between two reports; where none is known, time since the start."""

    @override
    def render(self, task: Task) -> Text:
        ends_at = task.fields.get("ends_at")
        left = ends_at - time.monotonic() if ends_at is not None else 0.0
        if left >= 1:
            return Text(f"{_clock(left)} left")
        return Text(f"{_clock(task.elapsed or 0.0)} so far")


def bar_for_jobs() -> Progress:
    """Make a bar that stays on the line, however long the description beside it."""
    percentage = TextColumn("{task.fields[percentage]:>4}", markup=False)
    line = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        SpinnerColumn(),
        BarColumn(bar_width=20),
        percentage,
        TimeColumn(),
        TextColumn("{task.description}", markup=False, table_column=line),
        console=stderr,
        expand=True,
    )


def shown(job: Job) -> dict[str, Any]:
    """Return what a bar shows of a job; it pulses where nobody knows how much is done."""
    fraction = _fraction(job)
    eta = None if job.done or job.progress is None else job.progress.eta_seconds
    return {
        "description": describe(job, time_left=False),
        "total": None if fraction is None else 1.0,
        "completed": fraction or 0.0,
        "percentage": "" if fraction is None else f"{fraction:.0%}",
        "ends_at": None if eta is None else time.monotonic() + eta,
    }


def _finish_with_bar(client: Client, job: Job, timeout_seconds: float | None) -> Job:
    with bar_for_jobs() as bar:
        task = bar.add_task(**shown(job))
        announced = _Announcement()

        def show(job: Job) -> None:
            announced(job)
            bar.update(task, **shown(_under_way(client, job)))

        return client.jobs.wait(job.id, show, timeout_seconds=timeout_seconds)


class _Lines:
    """Print a line when the phase changes, and every few seconds."""

    def __init__(self) -> None:
        self._phase: tuple[str, str | None] | None = None
        self._began = time.monotonic()
        self._printed_at = 0.0
        self._announce = _Announcement()

    def __call__(self, job: Job) -> None:
        self._announce(job)
        phase = (job.state, job.progress.phase if job.progress else None)
        if phase == self._phase and time.monotonic() - self._printed_at < LINE_EVERY_SECONDS:
            return
        fraction = _fraction(job)
        so_far = f"{_clock(time.monotonic() - self._began)} so far"
        say(f"{describe(job)}  {so_far if fraction is None else format(fraction, '.0%')}")
        self._phase, self._printed_at = phase, time.monotonic()


class _Announcement:
    """Say once what a training is expected to take."""

    def __init__(self) -> None:
        self._made = False

    def __call__(self, job: Job) -> None:
        expected = None if self._made else expectation(job)
        if expected:
            say(expected)
            self._made = True
