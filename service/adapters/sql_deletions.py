"""Deletions in SQLite or PostgreSQL: the records go in one transaction, which keeps a mark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_audit import write_entry
from service.adapters.sql_database import Database, locked, page_query, records
from service.adapters.sql_job_rows import remove_jobs
from service.adapters.sql_releases import hold_examinations
from service.adapters.sql_rows import (
    DATASETS,
    DELETIONS,
    EXAMINED_SETS,
    MODELS,
    SYNTHETIC_SETS,
    job_of,
)
from service.domain import errors
from service.domain.audit import DONE, FINISH_DELETION, AuditDraft
from service.domain.catalog_ports import Deletions
from service.domain.deletion import Deletion, RecordKind, Removed
from service.domain.deletion_rules import DeletionPlan, Related, dataset_deletion, model_deletion
from service.domain.identifiers import new_id
from service.domain.job import Job, JobState
from service.domain.job_events import NAMED_BY_JOB
from service.domain.paging import DEFAULT_LIMIT, Page
from service.domain.records import Dataset, Model

_DONE = [str(state) for state in JobState if state.done]
_TABLES = {
    "dataset": t.datasets,
    "model": t.models,
    "synthetic_set": t.synthetic_sets,
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a caller asked to be deleted."""

    kind: RecordKind
    target: str
    cascade: bool
    audit: AuditDraft


class SqlDeletions(Deletions):
    """The deletions of one database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def delete_dataset(self, dataset_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        with self._database.writing() as connection:
            hold_examinations(connection, self._database.now())
            there = self._database.visible(t.datasets)
            dataset = locked(connection, DATASETS, dataset_id, there)
            if dataset is None:
                raise errors.DatasetNotFound.named(dataset_id)
            related = _of_dataset(connection, dataset, cascade=cascade)
            going = related.models if cascade else ()
            needed = (t.jobs.c.dataset_id == dataset_id, *map(_used, going))
            if user := _unfinished_job(connection, or_(*needed)):
                raise errors.DatasetInUse.by(dataset_id, user)
            plan = dataset_deletion(dataset, related, cascade=cascade)
            if not related.examined:
                known = t.trained_patients
                connection.execute(delete(known).where(known.c.dataset_id == dataset_id))
            asked = _Asked("dataset", dataset_id, cascade, audit)
            return self._begin(connection, asked, plan)

    @override
    def delete_model(self, model_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        with self._database.writing() as connection:
            hold_examinations(connection, self._database.now())
            there = self._database.visible(t.models)
            model = locked(connection, MODELS, model_id, there)
            if model is None or model.deleted:
                raise errors.ModelNotFound.named(model_id)
            if user := _unfinished_job(connection, _used(model)):
                raise errors.ModelInUse.by(model_id, user)
            related = _of_model(connection, model, cascade=cascade)
            plan = model_deletion(model, related, cascade=cascade)
            return self._begin(connection, _Asked("model", model_id, cascade, audit), plan)

    @override
    def count(self, deletion_id: str, removed: Sequence[Removed]) -> Deletion:
        with self._database.writing() as connection:
            there = _locked(connection, deletion_id)
            if there.counted:
                return there
            return _replace(connection, replace(there, removed=tuple(removed)))

    @override
    def finish(
        self, deletion_id: str, finished_at: datetime, receipt: Mapping[str, Any]
    ) -> Deletion:
        with self._database.writing() as connection:
            there = _locked(connection, deletion_id)
            if there.receipt:
                return there
            draft = AuditDraft(
                there.audit.tenant, there.requested_by, FINISH_DELETION, deletion_id, DONE
            )
            write_entry(connection, draft, finished_at)
            return _replace(connection, replace(there, finished_at=finished_at, receipt=receipt))

    @override
    def deletion(self, deletion_id: str) -> Deletion:
        return self._database.one(DELETIONS, deletion_id, errors.DeletionNotFound)

    @override
    def deletions(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Deletion]:
        return self._database.page(DELETIONS, page_query(t.deletions, cursor, limit), limit)

    @override
    def unfinished(self) -> list[Deletion]:
        deletions = t.deletions.c
        query = select(t.deletions).where(~deletions.finished).order_by(deletions.created_at)
        with self._database.reading() as connection:
            return records(connection, DELETIONS, query)

    def _begin(self, connection: Connection, asked: _Asked, plan: DeletionPlan) -> Deletion:
        """Remove records and strip those that stay; keep what is still to be done."""
        _apply(connection, plan)
        now = self._database.now()
        entry = write_entry(connection, asked.audit, now)
        deletion = Deletion(
            id=new_id("del"),
            kind=asked.kind,
            target=asked.target,
            cascade=asked.cascade,
            created_at=now,
            requested_by=asked.audit.actor,
            audit=entry.head,
            removed=plan.removed,
            kept=plan.kept,
        )
        row = {**DELETIONS.row(deletion), "tenant": asked.audit.tenant}
        connection.execute(insert(t.deletions), row)
        return deletion


def _of_dataset(connection: Connection, dataset: Dataset, *, cascade: bool) -> Related:
    """Read what hangs on a dataset: models that started from those trained on it, too."""
    models, sets, examined = t.models.c, t.synthetic_sets.c, t.examined_sets.c
    of_dataset = models.document["dataset_id"].as_string() == dataset.id
    inherited = (
        models.document["inherited"].as_string().contains(f'"{dataset.id}"', autoescape=True)
    )
    trained = records(
        connection, MODELS, select(t.models).where(or_(of_dataset, inherited), ~models.deleted)
    )
    names = [model.id for model in trained]
    made = select(t.synthetic_sets).where(
        or_(sets.document["dataset_id"].as_string() == dataset.id, sets.model_id.in_(names))
    )
    ingest = t.jobs.c.id == dataset.job_id
    about = or_(
        t.jobs.c.dataset_id == dataset.id,
        t.jobs.c.id.in_([model.job_id for model in trained]),
        *map(_drawn_by, trained),
    )
    of_models = or_(examined.dataset_id == dataset.id, examined.model_id.in_(names))
    return Related(
        models=trained,
        sets=records(connection, SYNTHETIC_SETS, made) if cascade else [],
        jobs=_jobs(connection, about if cascade else ingest),
        examined=records(connection, EXAMINED_SETS, select(t.examined_sets).where(of_models)),
    )


def _of_model(connection: Connection, model: Model, *, cascade: bool) -> Related:
    """Read what hangs on a model."""
    of_these = t.jobs.c.kind.in_([str(kind) for kind in NAMED_BY_JOB])
    named_by_job = and_(of_these, _drawn_by(model))
    training = or_(t.jobs.c.id == model.job_id, named_by_job)
    made = select(t.synthetic_sets).where(t.synthetic_sets.c.model_id == model.id)
    examined = select(t.examined_sets).where(t.examined_sets.c.model_id == model.id)
    origin = t.models.c.document[("card", "warm_start", "init_from")].as_string()
    started = select(t.models).where(origin == model.id, ~t.models.c.deleted)
    trained_on = select(t.datasets).where(t.datasets.c.id == model.dataset_id)
    return Related(
        models=[model],
        dataset=next(iter(records(connection, DATASETS, trained_on)), None),
        started=records(connection, MODELS, started),
        sets=records(connection, SYNTHETIC_SETS, made),
        jobs=_jobs(connection, or_(training, _drawn_by(model)) if cascade else training),
        examined=records(connection, EXAMINED_SETS, examined),
    )


def _drawn_by(model: Model) -> ColumnElement[bool]:
    """Select the jobs that draw images of a model, or score images by it."""
    drawn_by: ColumnElement[bool] = t.jobs.c.request["model_id"].as_string() == model.id
    return drawn_by


def _used(model: Model) -> ColumnElement[bool]:
    """Select the jobs that draw sets of a model, or train one that starts from it."""
    return or_(_drawn_by(model), t.jobs.c.request["init_from"].as_string() == model.id)


def _apply(connection: Connection, plan: DeletionPlan) -> None:
    """Remove the records of a plan, and write those that stay stripped."""
    stay = {each.id for each in plan.models} | {each.id for each in plan.sets}
    for kind, table in _TABLES.items():
        gone = [each.id for each in plan.removed if each.kind == kind and each.id not in stay]
        connection.execute(delete(table).where(table.c.id.in_(gone)))
    remove_jobs(connection, [each.id for each in plan.removed if each.kind == "job"])
    stripped = (
        *((t.models, MODELS.row(each)) for each in plan.models),
        *((t.synthetic_sets, SYNTHETIC_SETS.row(each)) for each in plan.sets),
        *((t.examined_sets, EXAMINED_SETS.row(each)) for each in plan.examined),
    )
    for table, row in stripped:
        connection.execute(update(table).where(table.c.id == row["id"]).values(row))


def _jobs(connection: Connection, condition: ColumnElement[bool]) -> list[Job]:
    query = select(t.jobs).where(condition).order_by(t.jobs.c.id)
    return [job_of(row) for row in connection.execute(query).mappings()]


def _unfinished_job(connection: Connection, condition: ColumnElement[bool]) -> str | None:
    waits = and_(t.jobs.c.kind == "prepare", t.jobs.c.state == "queued")  # and finds nothing to do
    query = select(t.jobs.c.id).where(condition, ~t.jobs.c.state.in_(_DONE), ~waits).limit(1)
    return connection.execute(query).scalar()


def _locked(connection: Connection, deletion_id: str) -> Deletion:
    there = locked(connection, DELETIONS, deletion_id)
    if there is None:
        raise errors.DeletionNotFound.named(deletion_id)
    return there


def _replace(connection: Connection, deletion: Deletion) -> Deletion:
    row = DELETIONS.row(deletion)
    deletions = t.deletions
    connection.execute(update(deletions).where(deletions.c.id == deletion.id).values(row))
    return deletion
