"""Deletions in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from service.domain import errors, job_events
from service.domain.audit import FINISH_DELETION, AuditDraft
from service.domain.catalog_ports import Deletions
from service.domain.deletion import Deletion, RecordKind, Removed
from service.domain.deletion_rules import DeletionPlan, Related, dataset_deletion, model_deletion
from service.domain.identifiers import new_id
from service.domain.job import Job
from service.domain.paging import DEFAULT_LIMIT, Cursor, Page
from tests.in_memory.catalog import MemoryCatalog
from tests.in_memory.tables import MemoryTables, get, page, remove_job


class MemoryDeletions(Deletions):
    """The deletions of a store."""

    def __init__(self, store: MemoryTables, tenant: str | None) -> None:
        self._store = store
        self._tenant = tenant

    @override
    def delete_dataset(self, dataset_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        store = self._store
        with store.lock:
            there = store.of(self._tenant, store.datasets)
            dataset = get(there, dataset_id, errors.DatasetNotFound)
            models = [
                model
                for model in store.models.values()
                if dataset_id in (model.dataset_id, *model.inherited) and not model.deleted
            ]
            names = {model.id for model in models}
            jobs = store.jobs.values()
            used = [job for job in jobs if names & _models_used(job)] if cascade else []
            of_it = [job for job in jobs if job.request.dataset_id == dataset_id]
            for job in [*of_it, *used]:
                if not job.state.done:
                    raise errors.DatasetInUse.by(dataset_id, job.id)
            trained = {model.job_id for model in models}
            drawn = [job for job in jobs if getattr(job.request, "model_id", None) in names]
            about = {job.id: job for job in [*of_it, *drawn]}
            about |= {job.id: job for job in jobs if job.id in trained}
            related = Related(
                models=models,
                sets=[
                    each
                    for each in store.synthetic_sets.values()
                    if cascade and (each.dataset_id == dataset_id or each.model_id in names)
                ],
                jobs=[job for job in about.values() if cascade or job.id == dataset.job_id],
                examined=[
                    each
                    for each in store.examined_sets.values()
                    if each.dataset_id == dataset_id or each.model_id in names
                ],
            )
            if not related.examined:
                store.trained_patients.pop(dataset_id, None)
            plan = dataset_deletion(dataset, related, cascade=cascade)
            return self._begin("dataset", dataset_id, cascade, audit, plan)

    @override
    def delete_model(self, model_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        store = self._store
        with store.lock:
            model = MemoryCatalog(store, self._tenant).model(model_id)
            jobs = store.jobs.values()
            drawing = [j for j in jobs if getattr(j.request, "model_id", None) == model_id]
            for job in jobs:
                if model_id in _models_used(job) and not job.state.done:
                    raise errors.ModelInUse.by(model_id, job.id)
            training = [job for job in jobs if job.id == model.job_id]
            named_by_job = [job for job in drawing if job.kind in job_events.NAMED_BY_JOB]
            related = Related(
                models=[model],
                sets=[s for s in store.synthetic_sets.values() if s.model_id == model_id],
                jobs=[*training, *(drawing if cascade else named_by_job)],
                examined=[e for e in store.examined_sets.values() if e.model_id == model_id],
                started=[
                    each
                    for each in store.models.values()
                    if each.card.warm_start
                    and each.card.warm_start.init_from == model_id
                    and not each.deleted
                ],
            )
            plan = model_deletion(model, related, cascade=cascade)
            return self._begin("model", model_id, cascade, audit, plan)

    @override
    def count(self, deletion_id: str, removed: Sequence[Removed]) -> Deletion:
        with self._store.lock:
            there = self.deletion(deletion_id)
            if not there.counted:
                self._store.deletions[there.id] = replace(there, removed=tuple(removed))
            return self.deletion(deletion_id)

    @override
    def finish(
        self, deletion_id: str, finished_at: datetime, receipt: Mapping[str, Any]
    ) -> Deletion:
        store = self._store
        with store.lock:
            there = self.deletion(deletion_id)
            if there.receipt is None:
                by, tenant = there.requested_by, there.audit.tenant
                store.write_entry(AuditDraft(tenant, by, FINISH_DELETION, deletion_id))
                store.deletions[there.id] = replace(there, finished_at=finished_at, receipt=receipt)
            return self.deletion(deletion_id)

    @override
    def deletion(self, deletion_id: str) -> Deletion:
        there = self._store.of(self._tenant, self._store.deletions)
        return get(there, deletion_id, errors.DeletionNotFound)

    @override
    def deletions(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Deletion]:
        there = self._store.of(self._tenant, self._store.deletions)
        return page(list(there.values()), cursor, limit)

    @override
    def unfinished(self) -> list[Deletion]:
        open_ = [each for each in self._store.deletions.values() if each.finished_at is None]
        return sorted(open_, key=Cursor.after)

    def _begin(
        self,
        kind: RecordKind,
        target: str,
        cascade: bool,
        audit: AuditDraft,
        plan: DeletionPlan,
    ) -> Deletion:
        store = self._store
        tables: dict[str, dict[str, Any]] = {
            "dataset": store.datasets,
            "model": store.models,
            "synthetic_set": store.synthetic_sets,
        }
        for each in plan.removed:
            if each.kind == "job":
                remove_job(store, each.id)
            else:
                del tables[each.kind][each.id]
        store.models |= {each.id: each for each in plan.models}
        store.synthetic_sets |= {each.id: each for each in plan.sets}
        store.examined_sets |= {each.id: each for each in plan.examined}
        store.write_entry(audit)
        deletion = Deletion(
            id=new_id("del"),
            kind=kind,
            target=target,
            cascade=cascade,
            created_at=store.clock.now(),
            requested_by=audit.actor,
            audit=store.audit[audit.tenant][-1].head,
            removed=plan.removed,
            kept=plan.kept,
        )
        store.deletions[deletion.id] = deletion
        store.tenants[deletion.id] = audit.tenant
        return deletion


def _models_used(job: Job) -> set[str]:
    """Name the models that a job draws from or starts from."""
    used = (getattr(job.request, name, None) for name in ("model_id", "init_from"))
    return {each for each in used if each}
