"""Workers, API keys, the audit log and statistics in memory."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from typing_extensions import override

from service.domain import errors
from service.domain.api_keys import LAST_USE_RESOLUTION, ApiKey
from service.domain.audit import SET_POLICY, AuditDraft, AuditEntry, AuditHead
from service.domain.job import JobState
from service.domain.job_ports import Workers
from service.domain.paging import DEFAULT_LIMIT, Page, number_after, numbered_page
from service.domain.record_ports import ApiKeys, AuditLog, StatisticsSource
from service.domain.statistics import Statistics
from service.domain.worker import Worker, WorkerReport
from tests.in_memory.tables import MemoryTables, get, page


class MemoryWorkers(Workers):
    """The workers of a store."""

    def __init__(self, store: MemoryTables) -> None:
        self._store = store

    @override
    def report(self, report: WorkerReport) -> None:
        with self._store.lock:
            now, known = self._store.clock.now(), self._store.workers.get(report.name)
            started_at = known.started_at if known else now
            self._store.workers[report.name] = Worker(report, started_at, now, 0.0)

    @override
    def leave(self, name: str) -> None:
        self._store.workers.pop(name, None)

    @override
    def all(self) -> list[Worker]:
        now = self._store.clock.now()
        return [
            replace(worker, silent_seconds=(now - worker.last_seen).total_seconds())
            for _, worker in sorted(self._store.workers.items())
        ]

    @override
    def forget_silent(self, seconds: float) -> None:
        for worker in self.all():
            if worker.silent_seconds > seconds:
                self.leave(worker.report.name)

    @override
    def clock_ahead_seconds(self) -> float:
        return 0.0


class MemoryApiKeys(ApiKeys):
    """The API keys of a store."""

    def __init__(self, store: MemoryTables) -> None:
        self._store = store

    @override
    def add(self, key: ApiKey, audit: AuditDraft | None = None) -> None:
        with self._store.lock:
            self._store.api_keys[key.id] = key
            self._store.write_entry(audit)

    @override
    def key(self, tenant: str, key_id: str) -> ApiKey:
        key = get(self._store.api_keys, key_id, errors.ApiKeyNotFound)
        if key.tenant != tenant:
            raise errors.ApiKeyNotFound.named(key_id)
        return key

    @override
    def keys(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[ApiKey]:
        with self._store.lock:
            found = [key for key in self._store.api_keys.values() if key.tenant == tenant]
        return page(found, cursor, limit)

    @override
    def change(
        self,
        tenant: str,
        key_id: str,
        change: Callable[[ApiKey], ApiKey],
        audit: AuditDraft | None = None,
    ) -> ApiKey:
        with self._store.lock:
            key = change(self.key(tenant, key_id))
            self._store.api_keys[key_id] = key
            self._store.write_entry(audit)
            return key

    @override
    def by_secret(self, secret_sha256: str) -> ApiKey | None:
        with self._store.lock:
            for key in self._store.api_keys.values():
                if secret_sha256 in {key.secret_sha256, key.earlier_sha256}:
                    return key
        return None

    @override
    def note_use(self, key_id: str) -> None:
        with self._store.lock:
            key, now = self._store.api_keys.get(key_id), self._store.clock.now()
            if key and (key.last_used_at is None or key.last_used_at <= now - LAST_USE_RESOLUTION):
                self._store.api_keys[key_id] = replace(key, last_used_at=now)


class MemoryAuditLog(AuditLog):
    """The audit log of a store."""

    def __init__(self, store: MemoryTables) -> None:
        self._store = store

    @override
    def append(self, *drafts: AuditDraft) -> None:
        with self._store.lock:
            for draft in drafts:
                self._store.write_entry(draft)

    @override
    def note_policy(self, draft: AuditDraft) -> None:
        with self._store.lock:
            entries = self._store.audit.get(draft.tenant, [])
            policies = [entry.target for entry in entries if entry.action == SET_POLICY]
            if policies[-1:] != [draft.target]:
                self._store.write_entry(replace(draft, action=SET_POLICY))

    @override
    def entries(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[AuditEntry]:
        before = number_after(cursor)
        newest_first = self._store.audit.get(tenant, [])[::-1]
        rest = [e for e in newest_first if before is None or e.sequence < before]
        return numbered_page(rest[: limit + 1], limit)

    @override
    def of_action(self, tenant: str, action: str, target: str) -> list[AuditEntry]:
        asked = (action, target)
        entries = self._store.audit.get(tenant, [])
        return [each for each in entries if (each.action, each.target) == asked]

    @override
    def head(self, tenant: str) -> AuditHead:
        entries = self._store.audit.get(tenant)
        return entries[-1].head if entries else AuditHead(tenant)

    @override
    def tenants(self) -> list[str]:
        return sorted(self._store.audit)


class MemoryStatistics(StatisticsSource):
    """The statistics of a store."""

    def __init__(self, store: MemoryTables) -> None:
        self._store = store

    @override
    def read(self) -> Statistics:
        store, now = self._store, self._store.clock.now()
        with store.lock:
            waited: dict[str, float] = {}
            for job in store.jobs.values():
                if job.state is JobState.QUEUED:
                    [*_, last] = (each for each in store.logs[job.id] if each.kind == "state")
                    seconds = (now - last.at).total_seconds()
                    waited[job.queue] = max(seconds, waited.get(job.queue, 0.0))
            return Statistics(
                jobs=Counter((job.queue, str(job.state)) for job in store.jobs.values()),
                oldest_queued_seconds=waited,
                records={
                    "datasets": len(store.datasets),
                    "models": len(store.models),
                    "synthetic_sets": len(store.synthetic_sets),
                },
                counts=dict(store.counts),
            )
