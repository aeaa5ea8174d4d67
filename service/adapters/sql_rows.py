"""How rows of the tables become records, and back."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, Table

from service.adapters import sql_tables as t
from service.domain.api_keys import ApiKey
from service.domain.deletion import Deletion
from service.domain.job import Event, Job, JobKind
from service.domain.json_form import as_json
from service.domain.records import Dataset, ExaminedSet, Model, SyntheticSet
from service.domain.requests import (
    GenerateRequest,
    IngestRequest,
    JobRequest,
    PrepareRequest,
    PreviewRequest,
    PushRequest,
    ScoreRequest,
    TrainRequest,
)

_job = TypeAdapter(Job)
_event = TypeAdapter(Event)
_api_key = TypeAdapter(ApiKey)
_REQUESTS: Mapping[JobKind, TypeAdapter[JobRequest]] = {
    JobKind.INGEST: TypeAdapter(IngestRequest),
    JobKind.TRAIN: TypeAdapter(TrainRequest),
    JobKind.GENERATE: TypeAdapter(GenerateRequest),
    JobKind.PUSH: TypeAdapter(PushRequest),
    JobKind.SCORE: TypeAdapter(ScoreRequest),
    JobKind.PREPARE: TypeAdapter(PrepareRequest),
    JobKind.PREVIEW: TypeAdapter(PreviewRequest),
}
_JOB_COLUMNS = tuple(field.name for field in fields(Job))


def job_row(job: Job) -> dict[str, Any]:
    """Write a job as a row."""
    row = asdict(job)
    row.update(
        kind=str(job.kind),
        state=str(job.state),
        request=as_json(job.request),
        dataset_id=job.request.dataset_id,
    )
    return row


def job_of(row: RowMapping) -> Job:
    """Read a job from its row."""
    columns = {name: row[name] for name in _JOB_COLUMNS}
    request = _REQUESTS[JobKind(row["kind"])].validate_python(row["request"])
    return _job.validate_python(columns | {"request": request})


def event_of(row: RowMapping) -> Event:
    """Read a log entry from its row."""
    return _event.validate_python({name: row[name] for name in ("sequence", "kind", "at", "data")})


def api_key_row(key: ApiKey) -> dict[str, Any]:
    """Write an API key as a row."""
    return asdict(key)


def api_key_of(row: RowMapping) -> ApiKey:
    """Read an API key from its row."""
    return _api_key.validate_python(dict(row))


R = TypeVar("R", Dataset, Model, SyntheticSet, ExaminedSet, Deletion)


class Documents(Generic[R]):
    """One kind of record and the table that holds it.

    Args:
        table: Made by `_documents`.
        record: The record's class.
        columns: Returns the values of the table's own columns.
    """

    def __init__(
        self, table: Table, record: type[R], columns: Callable[[R], Mapping[str, Any]]
    ) -> None:
        self.table = table
        self._adapter: TypeAdapter[R] = TypeAdapter(record)
        self._columns: Callable[[R], Mapping[str, Any]] = columns

    def row(self, record: R) -> dict[str, Any]:
        """Write a record as a row."""
        return {
            "id": record.id,
            "created_at": record.created_at,
            **self._columns(record),
            "document": self._adapter.dump_python(record, mode="json"),
        }

    def record(self, row: RowMapping) -> R:
        """Read a record from its row."""
        return self._adapter.validate_python(row["document"])


DATASETS = Documents(
    t.datasets,
    Dataset,
    lambda dataset: {
        "version": dataset.version,
        "folder": dataset.artifact.folder if dataset.artifact else None,
    },
)
MODELS = Documents(
    t.models,
    Model,
    lambda model: {
        "folder": model.snapshot.folder,
        "snapshot_sha256": model.snapshot.sha256,
        "dataset_version": model.card.dataset_version,
        "is_private": model.card.differential_privacy is not None,
        "deleted": model.deleted,
    },
)
SYNTHETIC_SETS = Documents(
    t.synthetic_sets,
    SyntheticSet,
    lambda made: {
        "folder": made.report.folder,
        "model_id": made.model_id,
        "withdrawn": made.withdrawn,
        "findings_read": made.findings_read,
    },
)
EXAMINED_SETS = Documents(
    t.examined_sets,
    ExaminedSet,
    lambda examined: {
        "model_id": examined.model_id,
        "dataset_id": examined.dataset_id,
        "released": examined.released,
    },
)
DELETIONS = Documents(
    t.deletions, Deletion, lambda deletion: {"finished": deletion.finished_at is not None}
)
