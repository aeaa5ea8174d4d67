"""Migrations up and down with data in the tables, on SQLite and PostgreSQL."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    select,
    text,
)

import service.migrations
from service.adapters.sql_engine import open_engine
from service.adapters.sql_tables import metadata as our_metadata

KEY = "INSERT INTO idempotency_keys ({names}) VALUES ({values})"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database without a schema."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def moved(engine: Engine) -> Callable[[str], None]:
    """Bring the database to a revision."""

    def move(revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(service.migrations.__path__[0])))
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            up = connection.engine.dialect.has_table(connection, "tenant_days")
            (command.downgrade if up else command.upgrade)(config, revision)

    return move


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_what_was_there_before_tenants_is_the_default_tenants(
    engine: Engine, moved: Callable[[str], None]
) -> None:
    moved("0001")
    document = json.dumps({"artifact": {"num_bytes": 7}})
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO datasets (id, created_at, document) VALUES ('ds_1', :at, :document)"),
            {"at": datetime.now(UTC), "document": document},
        )
        connection.execute(
            text(KEY.format(names="key, fingerprint, job_id", values="'k', 'f', 'job_1'"))
        )
    moved("0003")
    assert rows(engine, "SELECT id, tenant, num_bytes FROM datasets") == [("ds_1", "default", 7)]
    with engine.begin() as connection:
        connection.execute(
            text(
                KEY.format(
                    names="tenant, key, fingerprint, job_id", values="'other', 'k', 'g', 'job_2'"
                )
            )
        )
    moved("0001")
    assert rows(engine, "SELECT id FROM datasets") == [("ds_1",)]
    assert rows(engine, "SELECT key, job_id FROM idempotency_keys") == [("k", "job_1")]
    moved("0003")
    assert rows(engine, "SELECT tenant, job_id FROM idempotency_keys") == [("default", "job_1")]


REVISIONS = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]
EMPTIED = {"locks"}  # each change of the clock of leases ends them


def at(engine: Engine, revision: str) -> dict[str, Table]:
    """Bring the database to a revision, up or down; returns its tables."""
    config = Config()
    config.set_main_option("script_location", str(Path(service.migrations.__path__[0])))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        now = MigrationContext.configure(connection).get_current_revision()
        (command.downgrade if now and now > revision else command.upgrade)(config, revision)
        metadata = MetaData()
        metadata.reflect(connection)
    return {name: table for name, table in metadata.tables.items() if name != "alembic_version"}


def filled(engine: Engine, table: Table) -> None:
    """Write two rows with different values in every column."""
    fixed = {("audit_entries", "sequence"): 1, ("audit_heads", "sequence"): 0}
    with engine.begin() as connection:
        for number in (1, 2):
            row = {
                column.name: fixed.get((table.name, column.name), value(column, number))
                for column in table.columns
            }
            connection.execute(table.insert().values(row))


def value(column: Column[Any], number: int) -> object:
    kind = column.type
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer | Float):
        return number
    if isinstance(kind, DateTime):
        return datetime(2026, 1, number, tzinfo=UTC)
    if isinstance(kind, Date):
        return date(2026, 1, number)
    if isinstance(kind, String):
        return f"{column.name}-{number}"[: kind.length]
    assert isinstance(kind, JSON), column
    return {"artifact": {"num_bytes": number}}


def content(engine: Engine, tables: dict[str, Table]) -> dict[str, list[dict[str, Any]]]:
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in tables.items()
        }


def kept(
    before: dict[str, list[dict[str, Any]]], tables: dict[str, Table]
) -> dict[str, list[dict[str, Any]]]:
    """Return of some rows what the tables of a schema can hold."""
    return {
        name: [
            {column: each for column, each in row.items() if column in table.columns}
            for row in before[name]
        ]
        for name, table in tables.items()
        if name in before and name not in EMPTIED
    }


def in_order(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    return {name: sorted(map(repr, rows)) for name, rows in found.items()}


def test_every_row_survives_the_way_up_and_down_and_up_as_far_as_schemas_can_hold_it(
    engine: Engine,
) -> None:
    """Each table is filled at the revision that made it, and looked at after every step."""
    before: dict[str, list[dict[str, Any]]] = {}
    for revision in REVISIONS:
        tables = at(engine, revision)
        found = content(engine, tables)
        common = {name: tables[name] for name in before if name not in EMPTIED}
        again = {
            name: [{key: row[key] for key in before[name][0] if key in row} for row in found[name]]
            for name in common
        }
        assert in_order(again) == in_order(kept(before, common))
        for name, rows_there in found.items():
            if not rows_there:
                filled(engine, tables[name])
        before = content(engine, tables)
        assert all(len(rows_there) == 2 for rows_there in before.values())

    for revision in reversed(REVISIONS[:-1]):
        tables = at(engine, revision)
        found = content(engine, {n: t for n, t in tables.items() if n not in EMPTIED})
        assert in_order(found) == in_order(kept(before, tables))
    oldest = at(engine, REVISIONS[0])
    first = kept(before, oldest)

    tables = at(engine, REVISIONS[-1])
    found = content(engine, tables)
    again = {
        name: [{key: row[key] for key in first[name][0]} for row in found[name]] for name in first
    }
    assert in_order(again) == in_order(first)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), our_metadata) == []


def test_the_revisions_are_all_there_are() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(service.migrations.__path__[0])))
    known = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert sorted(known) == REVISIONS


@pytest.mark.parametrize("revision", ["0003", "9999"])
@pytest.mark.parametrize(
    "process", [["service", "api", "--port", "0"], ["workers", "worker"], ["workers", "scheduler"]]
)
def test_neither_an_older_nor_a_newer_version_starts_beside_this_one(
    engine: Engine, tmp_path: Path, process: list[str], revision: str
) -> None:
    """An old worker with a new API, or the other way round, meets the schema of the other."""
    at(engine, min(revision, REVISIONS[-1]))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    ended = subprocess.run(
        [sys.executable, "-m", *process],
        env={
            **os.environ,
            "SYNTHCXR_DATA_DIR": str(tmp_path / "data"),
            "SYNTHCXR_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert f"has schema {revision}, this version needs {REVISIONS[-1]}" in line


INSERT_MODEL = (
    "INSERT INTO models (id, created_at, folder, snapshot_sha256, dataset_version, is_private, "
    "document) VALUES (:id, :at, 'f', :id, 'v', false, :document)"
)


def test_a_model_is_of_the_line_of_the_private_model_that_it_started_from(engine: Engine) -> None:
    at(engine, "0006")

    def document(origin: str | None, *public: str) -> str:
        start = {"init_from": origin, "public_data": public} if origin else None
        return json.dumps({"card": {"warm_start": start}})

    models = {
        "mdl_1": document(None),
        "mdl_2": document("mdl_1"),
        "mdl_3": document("mdl_2"),
        "mdl_4": document("base:vae-64", "phantoms"),
        "mdl_5": document("mdl_4", "phantoms"),
        "mdl_6": document("mdl_gone"),
    }
    with engine.begin() as connection:
        for number, (name, written) in enumerate(models.items(), 1):
            row = {"id": name, "at": datetime(2026, 1, number, tzinfo=UTC), "document": written}
            connection.execute(text(INSERT_MODEL), row)
    at(engine, "0007")
    assert rows(engine, "SELECT id, line FROM models ORDER BY id") == [
        *((name, "mdl_1") for name in ("mdl_1", "mdl_2", "mdl_3")),
        ("mdl_4", "mdl_4"),
        ("mdl_5", "mdl_5"),
        ("mdl_6", "mdl_gone"),
    ]
    at(engine, "0006")
    assert len(rows(engine, "SELECT id FROM models")) == len(models)
