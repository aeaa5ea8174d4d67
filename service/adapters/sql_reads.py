"""The reading half of the SQL records."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    exists,
    false,
    func,
    inspect,
    select,
    tuple_,
)

from service.adapters import sql_tables as t
from service.adapters.sql_engine import unavailable_by_name
from service.domain import errors, job_events
from service.domain.job import Event, Job, JobKind, JobState
from service.domain.paging import DEFAULT_LIMIT, Cursor, Page, page_of
from service.domain.ports import Idempotency
from service.domain.records import Dataset, ExaminedSet, Model, SyntheticSet


class SqlReads:
    """What anybody may ask of the tables.

    Args:
        engine: From `sql_engine.open_engine`.
    """

    def __init__(self, engine: Engine) -> None:
        self._reader = engine.execution_options(reading=True)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with unavailable_by_name(), self._reader.begin() as connection:
            yield connection

    def check(self) -> None:
        """Compare the database's schema with ours."""
        with self._reading() as connection:
            if not inspect(connection).has_table("alembic_version"):
                found: Any = None
            else:
                found = connection.exec_driver_sql(
                    "SELECT version_num FROM alembic_version"
                ).scalar()
        if found != t.SCHEMA_REVISION:
            raise errors.RecordsUnavailable(
                f"The database has schema {found or 'none'}, this version needs "
                f"{t.SCHEMA_REVISION}. Run `synthcxr migrate`."
            )

    def close(self) -> None:
        """Let go of connections."""
        self._reader.dispose()

    def submitted(self, idempotency: Idempotency) -> Job | None:
        """Return the job of a key."""
        with self._reading() as connection:
            job_id = job_of_key(connection, idempotency)
        return self.job(job_id) if job_id else None

    def job(self, job_id: str) -> Job:
        """Return a job."""
        with self._reading() as connection:
            row = connection.execute(select(t.jobs).where(t.jobs.c.id == job_id)).mappings().first()
        if row is None:
            raise errors.JobNotFound.named(job_id)
        return t.job_of(row)

    def jobs(
        self,
        *,
        kind: JobKind | None = None,
        state: JobState | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Page[Job]:
        """List jobs."""
        query = _page_query(t.jobs, cursor, limit)
        if kind:
            query = query.where(t.jobs.c.kind == str(kind))
        if state:
            query = query.where(t.jobs.c.state == str(state))
        with self._reading() as connection:
            rows = connection.execute(query).mappings().all()
        return page_of([t.job_of(row) for row in rows], limit)

    def queue_position(self, job: Job) -> int | None:
        """Count who was first."""
        if job.state is not JobState.QUEUED:
            return None
        jobs = t.jobs.c
        query = select(func.count()).where(
            jobs.state == "queued", jobs.queue == job.queue, jobs.id < job.id
        )
        with self._reading() as connection:
            return connection.execute(query).scalar_one()

    def events(self, job_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """Return log entries."""
        query = (
            select(t.events)
            .where(t.events.c.job_id == job_id, t.events.c.sequence > after)
            .order_by(t.events.c.sequence)
            .limit(limit)
        )
        with self._reading() as connection:
            rows = connection.execute(query).mappings().all()
        if not rows:
            self.job(job_id)  # tells an unknown job from one with nothing new
        return [t.event_of(row) for row in rows]

    def dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset."""
        return self._one(t.DATASETS, dataset_id, errors.DatasetNotFound)

    def datasets(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Dataset]:
        """List datasets."""
        return self._page(t.DATASETS, cursor, limit)

    def model(self, model_id: str) -> Model:
        """Return a model."""
        return self._one(t.MODELS, model_id, errors.ModelNotFound)

    def models(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Model]:
        """List models."""
        return self._page(t.MODELS, cursor, limit)

    def synthetic_set(self, synthetic_set_id: str) -> SyntheticSet:
        """Return a set."""
        made = self._one(t.SYNTHETIC_SETS, synthetic_set_id, errors.SyntheticSetNotFound)
        if made.withdrawn:
            raise errors.SyntheticSetNotFound.named(synthetic_set_id)
        return made

    def synthetic_sets(
        self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[SyntheticSet]:
        """List sets."""
        query = _page_query(t.synthetic_sets, cursor, limit).where(~_withdrawn())
        with self._reading() as connection:
            rows = connection.execute(query).mappings().all()
        return page_of([t.SYNTHETIC_SETS.record(row) for row in rows], limit)

    def releases(self, dataset_id: str) -> list[SyntheticSet]:
        """Return the released sets of datasets that share patients."""
        with self._reading() as connection:
            released = [each.id for each in released_examinations(connection, dataset_id)]
            sets = t.synthetic_sets
            rows = connection.execute(select(sets).where(sets.c.id.in_(released))).mappings()
            made = [t.SYNTHETIC_SETS.record(row) for row in rows]
        return sorted(made, key=lambda each: released.index(each.id))

    def released_examinations(self, dataset_id: str) -> list[ExaminedSet]:
        """Return the examinations of the same sets."""
        with self._reading() as connection:
            return released_examinations(connection, dataset_id)

    def examined_sets(self, model_id: str) -> list[ExaminedSet]:
        """Return the examined sets of a model and its equals."""
        with self._reading() as connection:
            return examined_sets(connection, model_id)

    def queued_jobs(self, queue: str, limit: int = 100) -> list[Job]:
        """Return waiting jobs."""
        waiting = select(t.jobs).where(t.jobs.c.state == "queued", t.jobs.c.queue == queue)
        query = waiting.order_by(t.jobs.c.id).limit(limit)
        with self._reading() as connection:
            return [t.job_of(row) for row in connection.execute(query).mappings()]

    def referenced_artifacts(self) -> set[str]:
        """Return folders in use."""
        with self._reading() as connection:
            datasets = self._all(connection, t.DATASETS)
            folders = [dataset.artifact.folder for dataset in datasets if dataset.artifact]
            folders += [model.snapshot.folder for model in self._all(connection, t.MODELS)]
            sets = self._all(connection, t.SYNTHETIC_SETS)
            folders += [each.folder for made in sets for each in made.artifacts]
            trainings = select(t.jobs).where(
                t.jobs.c.kind == "train", t.jobs.c.state != "succeeded"
            )
            jobs = [t.job_of(row) for row in connection.execute(trainings).mappings()]
        return {*folders, *filter(None, map(job_events.checkpoint_folder, jobs))}

    def _one(self, documents: t.Documents[t.R], name: str, missing: type[errors.NotFound]) -> t.R:
        table = documents.table
        with self._reading() as connection:
            row = connection.execute(select(table).where(table.c.id == name)).mappings().first()
        if row is None:
            raise missing.named(name)
        return documents.record(row)

    def _page(self, documents: t.Documents[t.R], cursor: str | None, limit: int) -> Page[t.R]:
        with self._reading() as connection:
            rows = connection.execute(_page_query(documents.table, cursor, limit)).mappings().all()
        return page_of([documents.record(row) for row in rows], limit)

    def _all(self, connection: Connection, documents: t.Documents[t.R]) -> Sequence[t.R]:
        rows = connection.execute(select(documents.table)).mappings()
        return [documents.record(row) for row in rows]


def _page_query(table: Table, cursor: str | None, limit: int) -> Select[Any]:
    age = tuple_(table.c.created_at, table.c.id)
    query = select(table).order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit + 1)
    start = Cursor.parse(cursor)
    return query.where(age < (start.created_at, start.id)) if start else query


def _withdrawn() -> ColumnElement[bool]:
    withdrawn: ColumnElement[bool] = t.synthetic_sets.c.document["withdrawn"].as_boolean()
    return func.coalesce(withdrawn, false())


def sets_of_model(connection: Connection, model_id: str) -> list[SyntheticSet]:
    """Read the sets that a model drew, withdrawn ones too, oldest first."""
    return _of(connection, t.SYNTHETIC_SETS, "model_id", [model_id])


def examined_sets(connection: Connection, model_id: str) -> list[ExaminedSet]:
    """Read the examined sets of a model and of its equals, with the same weights, by number."""
    weights = t.models.c.document["snapshot", "sha256"].as_string()
    its_own = select(weights).where(t.models.c.id == model_id).scalar_subquery()
    equals = connection.scalars(select(t.models.c.id).where(weights == its_own)).all()
    found = _of(connection, t.EXAMINED_SETS, "model_id", list({model_id, *equals}))
    return sorted(found, key=lambda each: each.number)


def released_examinations(connection: Connection, dataset_id: str) -> list[ExaminedSet]:
    """Read the released sets of the datasets that share patients with one, oldest first."""
    names = [dataset_id, *_sharing_patients(connection, dataset_id)]
    found = _of(connection, t.EXAMINED_SETS, "dataset_id", names)
    return [each for each in found if each.released]


def is_examined(connection: Connection, dataset_id: str) -> bool:
    """Whether a set was ever examined against a dataset."""
    return bool(_of(connection, t.EXAMINED_SETS, "dataset_id", [dataset_id]))


def _sharing_patients(connection: Connection, dataset_id: str) -> list[str]:
    """Return the other datasets of examined sets that have a trained patient in common with one.

    A dataset is asked by itself, so that the search ends at the first patient found.
    """
    name = t.examined_sets.c.document["dataset_id"].as_string()
    examined = select(name.label("id")).where(name != dataset_id).distinct().subquery()
    ours, theirs = t.trained_patients.alias(), t.trained_patients.alias()
    shared = exists().where(
        ours.c.dataset_id == dataset_id,
        ours.c.patient == theirs.c.patient,
        theirs.c.dataset_id == examined.c.id,
    )
    return list(connection.execute(select(examined.c.id).where(shared)).scalars())


def _of(
    connection: Connection, documents: t.Documents[t.R], field: str, values: Sequence[str]
) -> list[t.R]:
    """Read the records whose field has one of some values, oldest first."""
    rows = documents.table.c
    query = (
        select(documents.table)
        .where(rows.document[field].as_string().in_(values))
        .order_by(rows.created_at, rows.id)
    )
    return [documents.record(row) for row in connection.execute(query).mappings()]


def job_of_key(connection: Connection, wanted: Idempotency) -> str | None:
    """Return the job that has an idempotency key, if any; raise when it asked for another thing."""
    keys = t.idempotency_keys
    taken = connection.execute(select(keys).where(keys.c.key == wanted.key)).mappings().first()
    if taken is None:
        return None
    if taken["fingerprint"] != wanted.fingerprint:
        raise errors.IdempotencyConflict.for_key(wanted.key)
    return str(taken["job_id"])
