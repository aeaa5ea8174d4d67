"""Synthetic sets and their examinations in SQLite or PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, or_, select, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_audit import write_entry
from service.adapters.sql_database import Database, insert_if_new, locked, page_query, records
from service.adapters.sql_rows import EXAMINED_SETS, MODELS, SYNTHETIC_SETS
from service.domain import errors, release_rules
from service.domain.audit import AuditDraft
from service.domain.catalog_ports import Releases
from service.domain.paging import DEFAULT_LIMIT, Page
from service.domain.records import ExaminedSet, GeneratedSet, SyntheticSet


class SqlReleases(Releases):
    """The synthetic sets of one database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def synthetic_set(self, synthetic_set_id: str) -> SyntheticSet:
        missing = errors.SyntheticSetNotFound
        made = self._database.one(SYNTHETIC_SETS, synthetic_set_id, missing)
        if made.withdrawn:
            raise missing.named(synthetic_set_id)
        return made

    @override
    def synthetic_sets(
        self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[SyntheticSet]:
        query = page_query(t.synthetic_sets, cursor, limit).where(~t.synthetic_sets.c.withdrawn)
        return self._database.page(SYNTHETIC_SETS, query, limit)

    @override
    def delete_synthetic_set(
        self, synthetic_set_id: str, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        with self._database.writing() as connection:
            made = self._locked(connection, synthetic_set_id)
            if made.stays_known:
                made = _replace(connection, replace(made, withdrawn=True))
            else:
                sets = t.synthetic_sets
                connection.execute(delete(sets).where(sets.c.id == synthetic_set_id))
            if audit:
                write_entry(connection, audit, self._database.now())
            return made

    @override
    def read_findings(
        self, synthetic_set_id: str, max_sets: int, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        with self._database.writing() as connection:
            made = self._locked(connection, synthetic_set_id)
            if not made.findings_read:
                locked(connection, MODELS, made.model_id)  # so that two readers are counted both
                sets = t.synthetic_sets.c
                read = (sets.model_id == made.model_id, sets.findings_read)
                known = connection.scalars(select(sets.id).where(*read)).all()
                release_rules.check_findings(made.model_id, len(known), max_sets)
                _replace(connection, replace(made, findings_read=True))
            if audit:
                write_entry(connection, audit, self._database.now())
            return made

    @override
    def releases(self, dataset_id: str) -> list[SyntheticSet]:
        with self._database.reading() as connection:
            examined = self._released_examinations(connection, dataset_id)
            released = [each.id for each in examined]
            query = select(t.synthetic_sets).where(t.synthetic_sets.c.id.in_(released))
            made = records(connection, SYNTHETIC_SETS, query)
        return sorted(made, key=lambda each: released.index(each.id))

    @override
    def released_examinations(self, dataset_id: str) -> list[ExaminedSet]:
        with self._database.reading() as connection:
            return self._released_examinations(connection, dataset_id)

    @override
    def examined_sets(self, model_id: str) -> list[ExaminedSet]:
        there = self._database.visible(t.examined_sets)
        with self._database.reading() as connection:
            return examined_sets(connection, model_id, there)

    @override
    def examined_line(self, model_id: str) -> list[ExaminedSet]:
        there = self._database.visible(t.examined_sets)
        with self._database.reading() as connection:
            return examined_line(connection, model_id, there)

    @override
    def refused_elsewhere(self, model_id: str) -> bool:
        elsewhere = ~self._database.visible(t.examined_sets)
        with self._database.reading() as connection:
            return any(each.refused for each in examined_sets(connection, model_id, elsewhere))

    def _released_examinations(self, connection: Connection, dataset_id: str) -> list[ExaminedSet]:
        there = self._database.visible(t.examined_sets)
        return released_examinations(connection, dataset_id, there)

    def _locked(self, connection: Connection, synthetic_set_id: str) -> SyntheticSet:
        there = self._database.visible(t.synthetic_sets)
        made = locked(connection, SYNTHETIC_SETS, synthetic_set_id, there)
        if made is None or made.withdrawn:
            raise errors.SyntheticSetNotFound.named(synthetic_set_id)
        return made


def examined_sets(
    connection: Connection, model_id: str, *there: ColumnElement[bool]
) -> list[ExaminedSet]:
    """Read the examined sets of a model and of its equals, with the same weights, by number.

    Args:
        connection: A transaction.
        model_id: The model.
        there: What else is asked of a set; by default nothing, so that those of all tenants count.
    """
    models = t.models.c
    weights = select(models.snapshot_sha256).where(models.id == model_id).scalar_subquery()
    equals = select(models.id).where(models.snapshot_sha256 == weights)
    return _examined_of(connection, model_id, equals, there)


def examined_line(
    connection: Connection, model_id: str, *there: ColumnElement[bool]
) -> list[ExaminedSet]:
    """Read the examined sets of a model's line and of the lines of its equals, by number.

    Args:
        connection: A transaction.
        model_id: The model.
        there: What else is asked of a set; by default nothing, so that those of all tenants count.
    """
    models = t.models.c
    own = select(models.line).where(models.id == model_id)
    related = or_(models.id == model_id, models.line.in_(own))
    weights = select(models.snapshot_sha256).where(related)
    lines = select(models.line).where(models.snapshot_sha256.in_(weights))
    of_line = select(models.id).where(
        or_(models.snapshot_sha256.in_(weights), models.line.in_(lines))
    )
    return _examined_of(connection, model_id, of_line, there)


def _examined_of(
    connection: Connection,
    model_id: str,
    others: Select[tuple[str]],
    there: Sequence[ColumnElement[bool]],
) -> list[ExaminedSet]:
    """Read the examined sets of a model and of others, by number."""
    examined = t.examined_sets.c
    drawn_by = or_(examined.model_id == model_id, examined.model_id.in_(others))
    query = select(t.examined_sets).where(drawn_by, *there)
    found = records(connection, EXAMINED_SETS, query)
    # models that were counted apart once have sets of one number
    return sorted(found, key=lambda each: (each.number, each.created_at, each.id))


def released_examinations(
    connection: Connection, dataset_id: str, *there: ColumnElement[bool]
) -> list[ExaminedSet]:
    """Read the released sets of the datasets that share patients with one, oldest first.

    Args:
        connection: A transaction.
        dataset_id: The dataset.
        there: What else is asked of a set; by default nothing, so that those of all tenants count.
    """
    examined = t.examined_sets.c
    others = select(examined.dataset_id.label("id")).where(examined.released).distinct().subquery()
    ours, theirs = t.trained_patients.alias(), t.trained_patients.alias()
    # asked once for each other dataset, so that the search ends at the first patient found
    shared = exists().where(
        ours.c.dataset_id == dataset_id,
        ours.c.patient == theirs.c.patient,
        theirs.c.dataset_id == others.c.id,
    )
    sharing = select(others.c.id).where(others.c.id != dataset_id, shared)
    of_patients = or_(examined.dataset_id == dataset_id, examined.dataset_id.in_(sharing))
    query = (
        select(t.examined_sets)
        .where(examined.released, of_patients, *there)
        .order_by(examined.created_at, examined.id)
    )
    return records(connection, EXAMINED_SETS, query)


def hold_examinations(connection: Connection, now: datetime) -> None:
    """Let nobody else end an examination until the transaction ends."""
    name = "examinations"
    insert_if_new(connection, t.locks, {"name": name, "holder": name, "expires_at": now})
    connection.execute(select(t.locks).where(t.locks.c.name == name).with_for_update())


def keep_examination(connection: Connection, made: GeneratedSet, tenant: str) -> None:
    """Keep that a tenant's set was examined; see `release_rules.examined`."""
    examined = release_rules.examined(
        made,
        examined_line(connection, made.synthetic_set.model_id),
        released_examinations(connection, made.synthetic_set.dataset_id),
    )
    row = EXAMINED_SETS.row(examined)
    if not insert_if_new(connection, t.examined_sets, row | {"tenant": tenant}):
        known = t.examined_sets
        connection.execute(update(known).where(known.c.id == examined.id).values(row))


def make_set_visible(connection: Connection, made: SyntheticSet, tenant: str) -> None:
    """Insert a tenant's set unless it is there; see `release_rules.set_after_withdrawal`."""
    row = SYNTHETIC_SETS.row(made) | {"tenant": tenant}
    if not insert_if_new(connection, t.synthetic_sets, row):
        there = locked(connection, SYNTHETIC_SETS, made.id)
        if there and there.withdrawn:
            _replace(connection, release_rules.set_after_withdrawal(there, made))


def _replace(connection: Connection, made: SyntheticSet) -> SyntheticSet:
    """Write a synthetic set over its earlier version."""
    row = SYNTHETIC_SETS.row(made)
    sets = t.synthetic_sets
    connection.execute(update(sets).where(sets.c.id == made.id).values(row))
    return made
