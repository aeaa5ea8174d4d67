"""What keeps the service from doing all its work, in words that say what to do."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from service.domain.job import JobKind
from service.domain.worker import MAX_CLOCK_SKEW_SECONDS, Worker


@dataclass(frozen=True, slots=True)
class Degradation:
    """One thing that is amiss while the service still answers.

    Attributes:
        code: Stable name, see docs/errors.md.
        detail: What is amiss and what to do.
    """

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Condition:
    """What readiness is judged by.

    Attributes:
        workers: Those that were heard of.
        scheduler_is_late: Whether nobody takes back lost jobs.
        clock_ahead_seconds: By how much the clock of this process is ahead of the database's.
        broker_reachable: Whether workers can be notified.
        artifacts_problem: Why the artifacts cannot be reached; None where they can.
        free_bytes: Room that is left for artifacts; None where there is no bound.
        min_free_bytes: Room that should be left.
        unreadable_extractors: Networks of the operator's whose files are not there.
    """

    workers: Sequence[Worker]
    scheduler_is_late: bool
    clock_ahead_seconds: float
    broker_reachable: bool
    artifacts_problem: str | None
    free_bytes: int | None
    min_free_bytes: int
    unreadable_extractors: Collection[str]


def num_serving(workers: Sequence[Worker], kind: JobKind) -> int:
    """Return how many workers take jobs of a kind."""
    return sum(worker.serves and kind.queue in worker.report.queues for worker in workers)


def degradations(now: Condition) -> Iterator[Degradation]:
    """Name all that is amiss."""
    for kind in JobKind:
        if not num_serving(now.workers, kind):
            yield Degradation(
                "no_worker",
                f"No worker of {kind.queue} takes jobs; those of kind {kind} wait. Start one with "
                f"`synthcxr worker --queues {kind.queue}`, or look into the log of the one there.",
            )
    if now.scheduler_is_late:
        yield Degradation(
            "scheduler_late",
            "No scheduler runs: jobs of machines that died are not taken back. Start one with "
            "`synthcxr scheduler`.",
        )
    yield from _clock_skews(now)
    if not now.broker_reachable:
        yield Degradation(
            "broker_unreachable", "The broker does not answer; jobs start a second later."
        )
    if now.artifacts_problem is not None:
        yield Degradation("artifacts_unavailable", now.artifacts_problem)
    if now.free_bytes is not None and now.free_bytes < now.min_free_bytes:
        yield Degradation(
            "disk_nearly_full",
            f"{now.free_bytes // 2**20} MiB are free in the data directory, "
            f"{now.min_free_bytes // 2**20} MiB should be. Free some, or delete datasets.",
        )
    for name in now.unreadable_extractors:
        yield Degradation("extractor_unreadable", f"The file of the extractor {name} is not there.")


def _clock_skews(now: Condition) -> Iterator[Degradation]:
    clocks = [("the API", now.clock_ahead_seconds)]
    clocks += [("a worker", worker.report.clock_ahead_seconds) for worker in now.workers]
    for whose, ahead in clocks:
        if abs(ahead) > MAX_CLOCK_SKEW_SECONDS:
            yield Degradation(
                "clock_skew",
                f"The clock of {whose} is {ahead:+.0f} seconds off that of the database (see GET "
                "/workers). Nothing depends on it but the times that are shown. Let the machine "
                "synchronise it.",
            )
