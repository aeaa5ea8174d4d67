"""Migrations up and down with data in the tables, on SQLite and PostgreSQL."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

import service.migrations
from service.adapters.sql_engine import open_engine

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
