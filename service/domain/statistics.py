"""What operators watch: how many jobs stand where, and counts that outlive what was counted."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.job import HELD, Job, JobState
from service.domain.records import GeneratedSet, JobOutput

# A name and its labels, such as ("verdicts", "refused", "memorises"): words of ours alone, never
# what a client typed, nor whose it is.
CountKey = tuple[str, ...]

WORKER_SECONDS = "worker_seconds"  # by kind of job
LEASES_LOST = "leases_lost"  # by kind of job
FAILURES = "failures"  # by kind of job and code of the error
VERDICTS = "verdicts"  # by outcome and code of the first reason, "" where there is none


@dataclass(frozen=True, slots=True)
class Statistics:
    """The state of a service in figures.

    Attributes:
        jobs: Number of jobs by queue and state.
        oldest_queued_seconds: How long the job that waits longest has waited, by queue.
        records: Number of datasets, models and synthetic sets, by these names.
        counts: What was counted since the database was made.
    """

    jobs: Mapping[tuple[str, str], int]
    oldest_queued_seconds: Mapping[str, float]
    records: Mapping[str, int]
    counts: Mapping[CountKey, float] = field(default_factory=dict)


def counts_of_move(before: Job, after: Job, now: datetime) -> Mapping[CountKey, float]:
    """Return what a move of a job adds to the counts."""
    counts: dict[CountKey, float] = {}
    if before.state in HELD and after.state not in HELD and before.started_at:
        held_seconds = (now - before.started_at).total_seconds()
        counts[WORKER_SECONDS, str(after.kind)] = max(0.0, held_seconds)
    if after.state is JobState.FAILED and after.error:
        counts[FAILURES, str(after.kind), after.error.code] = 1
    return counts


def counts_of_output(made: JobOutput) -> Mapping[CountKey, float]:
    """Return what the output of a job that succeeded adds to the counts."""
    if not isinstance(made, GeneratedSet):
        return {}
    verdict = made.synthetic_set.verdict
    return {(VERDICTS, verdict.outcome, verdict.code or ""): 1}


def counts_of_lost_leases(jobs: Iterable[Job]) -> Mapping[CountKey, float]:
    """Return what the lost leases of jobs add to the counts."""
    return Counter((LEASES_LOST, str(job.kind)) for job in jobs)
