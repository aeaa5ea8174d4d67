import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

import service.migrations
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_tables import SCHEMA_REVISION, metadata


def test_the_newest_migration_is_the_schema_the_service_serves() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(service.migrations.__path__[0])))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_REVISION


def test_migrating_yields_exactly_the_tables_the_code_knows(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A data directory that a newer version has migrated."""
    engine = open_engine(f"sqlite:///{tmp_path / 'synthcxr.db'}")
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    return tmp_path


@pytest.mark.parametrize(
    "process",
    [
        ["service", "api", "--port", "0"],
        ["service", "migrate"],
        ["workers", "worker"],
        ["workers", "scheduler"],
    ],
)
def test_no_process_starts_on_the_schema_of_another_version(
    newer: Path, process: list[str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", *process],
        env={**os.environ, "SYNTHCXR_DATA_DIR": str(newer)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"The database has schema 9999, this version needs {SCHEMA_REVISION}")


def test_the_schema_can_be_taken_back_and_brought_up_again(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    config = Config()
    config.set_main_option("script_location", str(Path(service.migrations.__path__[0])))
    for revision in ("head", "0001", "head"):
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            move = command.downgrade if revision == "0001" else command.upgrade
            move(config, revision)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_table_of_api_keys_can_be_taken_back(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    config = Config()
    config.set_main_option("script_location", str(Path(service.migrations.__path__[0])))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert not inspect(connection).has_table("api_keys")
    engine.dispose()


def test_a_database_of_the_first_schema_is_rewritten_without_what_was_deleted(
    tmp_path: Path,
) -> None:
    """SQLite did not overwrite deleted rows then; and the way down and up again works."""
    path = tmp_path / "a.db"
    engine = open_engine(f"sqlite:///{path}")
    at(engine, command.upgrade, "0001")
    with sqlite3.connect(path) as careless:
        careless.execute("PRAGMA secure_delete=OFF")
        careless.execute("CREATE TABLE names (name)")
        careless.executemany("INSERT INTO names VALUES (?)", [(f"CANARY-{n}",) for n in range(500)])
        careless.execute("DROP TABLE names")
    careless.close()
    assert b"CANARY" in path.read_bytes()
    migrate(engine)
    assert b"CANARY" not in path.read_bytes()
    at(engine, command.downgrade, "0001")
    migrate(engine)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def at(engine: Engine, move: Callable[[Config, str], None], revision: str) -> None:
    """Move a database to a revision."""
    config = Config()
    config.set_main_option("script_location", str(Path(service.migrations.__path__[0])))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        move(config, revision)
