"""Datasets and models in SQLite or PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, literal, select, union, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_database import Database, locked, page_query, records
from service.adapters.sql_rows import DATASETS, MODELS, job_of
from service.domain import errors, job_events
from service.domain.catalog_ports import Catalog
from service.domain.job import Job, JobKind
from service.domain.job_events import NAMED_BY_JOB
from service.domain.paging import DEFAULT_LIMIT, Page
from service.domain.records import Dataset, IngestedDataset, Model


class SqlCatalog(Catalog):
    """The datasets and models of one database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def dataset(self, dataset_id: str) -> Dataset:
        return self._database.one(DATASETS, dataset_id, errors.DatasetNotFound)

    @override
    def datasets(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Dataset]:
        query = page_query(t.datasets, cursor, limit)
        return self._database.page(DATASETS, query, limit)

    @override
    def newest_split_dataset(self) -> Dataset | None:
        newest = page_query(t.datasets, None, 0)  # one row
        there = self._database.visible(t.datasets)
        query = newest.where(t.datasets.c.version.is_not(None), there)
        with self._database.reading() as connection:
            return next(iter(records(connection, DATASETS, query)), None)

    @override
    def model(self, model_id: str) -> Model:
        model = self._database.one(MODELS, model_id, errors.ModelNotFound)
        if model.deleted:
            raise errors.ModelNotFound.named(model_id)
        return model

    @override
    def models(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Model]:
        query = page_query(t.models, cursor, limit).where(~t.models.c.deleted)
        return self._database.page(MODELS, query, limit)

    @override
    def private_models(self, dataset_version: str) -> Sequence[Model]:
        models = t.models.c
        query = (
            select(t.models)
            .where(models.dataset_version == dataset_version, models.is_private)
            .where(self._database.visible(t.models))
            .order_by(models.created_at, models.id)
        )
        with self._database.reading() as connection:
            return records(connection, MODELS, query)

    @override
    def referenced_artifacts(self) -> set[str]:
        tables = (t.datasets, t.synthetic_sets)
        models = select(t.models.c.folder).where(~t.models.c.deleted)
        folders = union(models, *(select(table.c.folder) for table in tables)).subquery()
        query = select(folders.c.folder).where(folders.c.folder.is_not(None))
        unfinished = select(t.jobs).where(
            t.jobs.c.kind.in_(["train", "generate"]), t.jobs.c.state != "succeeded"
        )
        named_by_job = select(t.jobs.c.kind, t.jobs.c.id).where(
            t.jobs.c.kind.in_([str(kind) for kind in NAMED_BY_JOB]), t.jobs.c.state == "succeeded"
        )
        with self._database.reading() as connection:
            found = set(connection.scalars(query))
            rows = connection.execute(named_by_job)
            found |= {NAMED_BY_JOB[JobKind(kind)](job_id) for kind, job_id in rows}
            jobs = [job_of(row) for row in connection.execute(unfinished).mappings()]
        return {*found, *filter(None, map(job_events.checkpoint_folder, jobs))}


def keep_dataset(connection: Connection, made: IngestedDataset) -> None:
    """Write a dataset that is ready, and which patients its models will be trained on."""
    artifact = made.dataset.artifact
    _replace(connection, made.dataset, num_bytes=artifact.num_bytes if artifact else 0)
    if made.trained_patients:
        dataset_id = made.dataset.id
        rows = [{"dataset_id": dataset_id, "patient": each} for each in made.trained_patients]
        connection.execute(insert(t.trained_patients), rows)


def keep_model(connection: Connection, model: Model, tenant: str) -> None:
    """Write a tenant's model; its dataset counts as trained on the patients that it inherits.

    So its sets are examined together with those of the datasets that these patients are in.
    """
    row = MODELS.row(model) | {"tenant": tenant, "line": _line_of(connection, model)}
    connection.execute(insert(t.models), row)
    known = t.trained_patients
    own = select(known.c.patient).where(known.c.dataset_id == model.dataset_id)
    theirs = (
        select(literal(model.dataset_id), known.c.patient)
        .where(known.c.dataset_id.in_(model.inherited), known.c.patient.not_in(own))
        .distinct()
    )
    if model.inherited:
        connection.execute(insert(known).from_select(["dataset_id", "patient"], theirs))


def _line_of(connection: Connection, model: Model) -> str:
    """Name the line of a model by the first that its weights go back to; see `Releases`."""
    start = model.card.warm_start
    origin = start.private_model if start else None
    if origin is None:
        return model.id
    found = connection.execute(select(t.models.c.line).where(t.models.c.id == origin)).scalar()
    return found or origin


def follow_ingest(connection: Connection, job: Job) -> None:
    """Let a dataset's state follow the job that ingests it."""
    name = job_events.dataset_followed(job)
    dataset = locked(connection, DATASETS, name) if name else None
    if dataset:
        _replace(connection, job_events.dataset_after(dataset, job))


def _replace(connection: Connection, dataset: Dataset, **columns: int) -> None:
    row = DATASETS.row(dataset) | columns
    connection.execute(update(t.datasets).where(t.datasets.c.id == dataset.id).values(row))
