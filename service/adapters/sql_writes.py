"""The steps of a writing transaction: lock a row, check the fence, write, keep the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from service.adapters import sql_tables as t
from service.adapters.sql_reads import (
    examined_sets,
    is_examined,
    job_of_key,
    released_examinations,
)
from service.domain import errors, job_events, release_rules
from service.domain.job import Claim, Job
from service.domain.ports import EventDraft, Idempotency
from service.domain.records import Dataset, SyntheticSet


def locked_job(connection: Connection, job_id: str) -> Job:
    """Read a job that nobody else may change until the transaction ends."""
    row = _locked_row(connection, t.jobs, job_id)
    if row is None:
        raise errors.JobNotFound.named(job_id)
    return t.job_of(row)


def fenced_job(connection: Connection, claim: Claim) -> Job:
    """Read and lock the job a claim holds, or raise LeaseLost."""
    row = _locked_row(connection, t.jobs, claim.job_id)
    return job_events.check_fence(t.job_of(row) if row else None, claim)


def locked(connection: Connection, documents: t.Documents[t.R], name: str) -> t.R | None:
    """Read and lock another record, if it is there."""
    row = _locked_row(connection, documents.table, name)
    return documents.record(row) if row else None


def write_job(
    connection: Connection, job: Job, moved: Job, entries: Sequence[EventDraft], now: datetime
) -> Job:
    """Replace a job's row if it still is as it was read, add to its log, let its dataset follow.

    Raises:
        LeaseLost: The row changed meanwhile.
    """
    jobs = t.jobs.c
    unchanged = (jobs.id == job.id, jobs.version == job.version, jobs.attempt == job.attempt)
    written = connection.execute(update(t.jobs).where(*unchanged).values(t.job_row(moved)))
    if written.rowcount != 1:
        raise errors.LeaseLost(f"Job {job.id} changed under attempt {job.attempt}; stop.")
    append(connection, job.id, entries, now)
    if moved.state is not job.state:
        _follow(connection, moved)
    return moved


def append(
    connection: Connection, job_id: str, entries: Sequence[EventDraft], now: datetime
) -> None:
    """Add entries to a job's log, numbered without gaps."""
    if not entries:
        return
    count = t.jobs.c.num_events
    last = connection.execute(
        update(t.jobs)
        .where(t.jobs.c.id == job_id)
        .values(num_events=count + len(entries))
        .returning(count)
    ).scalar_one()
    rows = [
        {"job_id": job_id, "sequence": sequence, "kind": str(kind), "at": now, "data": data}
        for sequence, (kind, data) in enumerate(entries, last - len(entries) + 1)
    ]
    connection.execute(insert(t.events), rows)


def write_patients(connection: Connection, dataset_id: str, patients: Sequence[int]) -> None:
    """Keep whom the models of a dataset learn from."""
    if patients:
        rows = [{"dataset_id": dataset_id, "patient": patient} for patient in patients]
        connection.execute(insert(t.trained_patients), rows)


def forget_patients(connection: Connection, dataset_id: str) -> None:
    """Drop whom the models of a dataset learned from, unless a set of them was examined."""
    if not is_examined(connection, dataset_id):
        known = t.trained_patients
        connection.execute(delete(known).where(known.c.dataset_id == dataset_id))


def replace_dataset(connection: Connection, dataset: Dataset) -> None:
    """Write a dataset over its earlier version."""
    row = t.DATASETS.row(dataset)
    connection.execute(update(t.datasets).where(t.datasets.c.id == dataset.id).values(row))


def replace_set(connection: Connection, made: SyntheticSet) -> SyntheticSet:
    """Write a synthetic set over its earlier version."""
    row = t.SYNTHETIC_SETS.row(made)
    sets = t.synthetic_sets
    connection.execute(update(sets).where(sets.c.id == made.id).values(row))
    return made


def make_set_visible(connection: Connection, made: SyntheticSet) -> None:
    """Insert a synthetic set unless it is there; see `release_rules.set_after_withdrawal`."""
    if not insert_if_new(connection, t.synthetic_sets, t.SYNTHETIC_SETS.row(made)):
        there = locked(connection, t.SYNTHETIC_SETS, made.id)
        if there and there.withdrawn:
            replace_set(connection, release_rules.set_after_withdrawal(there, made))


def hold_examinations(connection: Connection, now: datetime) -> None:
    """Let nobody else end an examination until the transaction ends."""
    name = "examinations"
    insert_if_new(connection, t.locks, {"name": name, "holder": name, "expires_at": now})
    connection.execute(select(t.locks).where(t.locks.c.name == name).with_for_update())


def keep_examination(
    connection: Connection,
    made: SyntheticSet,
    tally: Mapping[str, Any],
    examined_after: Sequence[str],
) -> None:
    """Keep that a set was examined; see `release_rules.examined`."""
    examined = release_rules.examined(
        made,
        tally,
        examined_sets(connection, made.model_id),
        released_examinations(connection, made.dataset_id),
        examined_after,
    )
    row = t.EXAMINED_SETS.row(examined)
    if not insert_if_new(connection, t.examined_sets, row):
        known = t.examined_sets
        connection.execute(update(known).where(known.c.id == examined.id).values(row))


def take_key(connection: Connection, wanted: Idempotency, job_id: str) -> str | None:
    """Take an idempotency key for a job, or return the job that has it."""
    row = {"key": wanted.key, "fingerprint": wanted.fingerprint, "job_id": job_id}
    if insert_if_new(connection, t.idempotency_keys, row):
        return None
    return job_of_key(connection, wanted)


def insert_if_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its primary key is taken; say whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insertion = dialect.insert(table).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(insertion, row).first() is not None


def _locked_row(connection: Connection, table: Table, name: str) -> RowMapping | None:
    query = select(table).where(table.c.id == name).with_for_update()
    return connection.execute(query).mappings().first()


def _follow(connection: Connection, job: Job) -> None:
    """Let a dataset's state follow the job that ingests it."""
    name = job_events.dataset_followed(job)
    dataset = locked(connection, t.DATASETS, name) if name else None
    if dataset:
        replace_dataset(connection, job_events.dataset_after(dataset, job))
