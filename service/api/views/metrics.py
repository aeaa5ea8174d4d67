"""The figures of the records as Prometheus reads them, at the time of the scrape.

Labels are words of this service alone: kinds, states, queues and codes. None comes from a client,
and none names a tenant or a record.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from service.context import AppContext
from service.domain import statistics
from service.domain.errors import RecordsUnavailable
from service.domain.job import JobKind, JobState
from service.domain.statistics import Statistics

_KIND_OF_QUEUE = {kind.queue: str(kind) for kind in JobKind}
_COUNTS = {
    statistics.WORKER_SECONDS: (
        "synthcxr_worker_seconds",
        "Seconds for which attempts held a worker, and so its GPU where it has one.",
        ("kind",),
    ),
    statistics.LEASES_LOST: (
        "synthcxr_leases_lost",
        "Attempts whose worker was given up for dead.",
        ("kind",),
    ),
    statistics.FAILURES: (
        "synthcxr_job_failures",
        "Jobs that failed, by the code of their error.",
        ("kind", "code"),
    ),
    statistics.VERDICTS: (
        "synthcxr_verdicts",
        "Examined sets, by verdict and the code of its first reason.",
        ("outcome", "code"),
    ),
}


class ServiceCollector(Collector):
    """Reads the figures anew at every scrape.

    Args:
        context: Whose records.
        data_dir: Of whose disk the free space is measured.
    """

    def __init__(self, context: AppContext, data_dir: Path) -> None:
        self._context = context
        self._data_dir = data_dir

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand, so that to register it does not ask the database."""
        return ()

    @override
    def collect(self) -> Iterator[Metric]:
        yield _gauge("synthcxr_build", "This version.", ("version",), {(self._context.version,): 1})
        if self._data_dir.exists():
            free = shutil.disk_usage(self._data_dir).free
            help_text = "Free space where the data directory lies."
            yield _gauge("synthcxr_disk_free_bytes", help_text, (), {(): free})
        try:
            found = self._context.records.statistics.read()
        except RecordsUnavailable:
            found = None
        help_text = "Whether the database answers."
        yield _gauge("synthcxr_database_up", help_text, (), {(): float(found is not None)})
        if found:
            yield from _of_records(found)


def _of_records(found: Statistics) -> Iterator[Metric]:
    every = {
        (_KIND_OF_QUEUE[queue], str(state)): 0 for queue in _KIND_OF_QUEUE for state in JobState
    }
    jobs = {(_KIND_OF_QUEUE[queue], state): number for (queue, state), number in found.jobs.items()}
    yield _gauge("synthcxr_jobs", "Jobs.", ("kind", "state"), every | jobs)
    waited = {(queue,): found.oldest_queued_seconds.get(queue, 0) for queue in _KIND_OF_QUEUE}
    help_text = "How long the job that waits longest has waited."
    yield _gauge("synthcxr_queue_oldest_seconds", help_text, ("queue",), waited)
    records = {(kind,): number for kind, number in found.records.items()}
    yield _gauge("synthcxr_records", "Records of each type.", ("type",), records)
    for name, (metric, help_text, labels) in _COUNTS.items():
        family = CounterMetricFamily(metric, help_text, labels=labels)
        for (counted, *values), number in found.counts.items():
            if counted == name:
                family.add_metric(values, number)
        yield family


def _gauge(
    name: str, help_text: str, labels: tuple[str, ...], samples: Mapping[Any, float]
) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for values, number in samples.items():
        family.add_metric(values, number)
    return family
