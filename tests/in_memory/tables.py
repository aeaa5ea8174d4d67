"""Records in dictionaries under one lock, and how they are read and removed."""

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeVar

from typing_extensions import override

from service.domain import errors, quotas
from service.domain.api_keys import ApiKey
from service.domain.audit import AuditDraft, AuditEntry, AuditHead
from service.domain.deletion import Deletion
from service.domain.job import Event, Job, JobState
from service.domain.paging import Cursor, Page, page_of
from service.domain.ports import Clock
from service.domain.quotas import Quotas
from service.domain.record_ports import Database
from service.domain.records import Dataset, ExaminedSet, Model, SyntheticSet
from service.domain.statistics import CountKey
from service.domain.webhooks import Delivery, Webhook
from service.domain.worker import Worker

T = TypeVar("T")
D = TypeVar("D", Dataset, Model, SyntheticSet, ExaminedSet, Deletion)
R = TypeVar("R", Job, Dataset, Model, SyntheticSet, ApiKey, Deletion)


@dataclass
class MemoryTables(Database):
    """Records in dictionaries under one lock; keeps every promise but durability."""

    clock: Clock
    lock: threading.RLock = field(default_factory=threading.RLock)
    jobs: dict[str, Job] = field(default_factory=dict)
    logs: dict[str, list[Event]] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    synthetic_sets: dict[str, SyntheticSet] = field(default_factory=dict)
    examined_sets: dict[str, ExaminedSet] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)  # the first model of each one's line
    trained_patients: dict[str, frozenset[int]] = field(default_factory=dict)
    deletions: dict[str, Deletion] = field(default_factory=dict)
    audit: dict[str, list[AuditEntry]] = field(default_factory=dict)
    scheduler: tuple[str, datetime] | None = None
    tenants: dict[str, str] = field(default_factory=dict)  # of datasets, models and sets
    num_bytes: dict[str, int] = field(default_factory=dict)  # of datasets
    seconds: dict[tuple[str, date], float] = field(default_factory=lambda: defaultdict(float))
    images: Counter[tuple[str, date]] = field(default_factory=Counter)
    workers: dict[str, Worker] = field(default_factory=dict)
    api_keys: dict[str, ApiKey] = field(default_factory=dict)
    counts: dict[CountKey, float] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)  # to webhooks
    leases: dict[str, datetime] = field(default_factory=dict)  # of those

    @override
    def check(self) -> None:
        pass

    @override
    def wipe(self) -> None:
        pass

    @override
    def close(self) -> None:
        pass

    def count(self, more: Mapping[CountKey, float]) -> None:
        """Add to the counts."""
        for key, number in more.items():
            self.counts[key] = self.counts.get(key, 0) + number

    def write_entry(self, draft: AuditDraft | None) -> None:
        """Continue a tenant's chain, if there is something to write."""
        if draft:
            entries = self.audit.setdefault(draft.tenant, [])
            head = entries[-1].head if entries else AuditHead(draft.tenant)
            entries.append(AuditEntry.after(head, draft, self.clock.now()))

    def num_written(self, draft: AuditDraft) -> int:
        """Count the entries that say of a record what a draft says."""
        said = (draft.action, draft.target, draft.outcome)
        entries = self.audit.get(draft.tenant, [])
        return sum((each.action, each.target, each.outcome) == said for each in entries)

    def jobs_of(self, tenant: str | None) -> dict[str, Job]:
        """Return the jobs that are there for a tenant."""
        return {job.id: job for job in self.jobs.values() if tenant in {None, job.tenant}}

    def of(self, tenant: str | None, table: Mapping[str, D]) -> dict[str, D]:
        """Return the records of a table that are there for a tenant."""
        return {k: v for k, v in table.items() if tenant in {None, self.tenants.get(k)}}

    def use(self, tenant: str) -> quotas.Use:
        """Return what a tenant uses of its quotas."""
        now = self.clock.now()
        today = (tenant, now.astimezone(UTC).date())
        not_done = [job for job in self.jobs_of(tenant).values() if not job.state.done]
        taken = [
            max(sum(s for day, s in quotas.seconds_by_day(job, now) if day == today[1]), least)
            for job in not_done
            for least in [quotas.budget_seconds(job)]
        ]
        datasets = self.of(tenant, self.datasets)
        return quotas.Use(
            queued_jobs=sum(job.state is JobState.QUEUED for job in not_done),
            worker_seconds=self.seconds[today] + sum(taken),
            stored_bytes=sum(self.num_bytes[name] for name in datasets),
            images=self.images[today] + sum(quotas.num_images(job) or 0 for job in not_done),
        )

    def check_quotas(self, limits: Quotas | None, tenant: str, added: quotas.Use) -> None:
        """Check what a job adds to what its tenant uses."""
        if limits:
            quotas.check(limits, self.use(tenant), added, self.clock.now())


def remove_job(store: MemoryTables, job_id: str) -> None:
    del store.jobs[job_id], store.logs[job_id]
    store.keys = {k: v for k, v in store.keys.items() if v[1] != job_id}


def get(table: Mapping[str, T], key: str, missing: type[errors.NotFound]) -> T:
    try:
        return table[key]
    except KeyError:
        raise missing.named(key) from None


def page(found: list[R], cursor: str | None, limit: int) -> Page[R]:
    start = Cursor.parse(cursor)
    newest_first = sorted(found, key=Cursor.after, reverse=True)
    rest = [record for record in newest_first if start is None or Cursor.after(record) < start]
    return page_of(rest[: limit + 1], limit)
