"""A consistent copy of the database while it is in use, and the way back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Literal

from sqlalchemy import URL, inspect, make_url

from service.adapters.sql_engine import open_engine
from service.adapters.sql_errors import unavailable_by_name
from service.operations.errors import OperationFailed

DatabaseKind = Literal["sqlite", "postgresql"]

_BUSY_TIMEOUT_SECONDS = 60.0
_COPIES: dict[DatabaseKind, str] = {"sqlite": "database.db", "postgresql": "database.dump"}
# what libpq reads; a password must not stand on a command line, which others can see
_LIBPQ = {"host": "PGHOST", "port": "PGPORT", "username": "PGUSER", "password": "PGPASSWORD"}


def kind_of(url: str) -> DatabaseKind:
    """Name the kind of a database."""
    return "postgresql" if make_url(url).get_backend_name() == "postgresql" else "sqlite"


def copy_name(kind: DatabaseKind) -> str:
    """Name the file of a copy."""
    return _COPIES[kind]


def copy_database(url: str, folder: Path) -> None:
    """Write a copy of a database into a folder; it is that of one moment.

    Raises:
        OperationFailed: It cannot be read, or what copies it is not installed.
    """
    target = folder / copy_name(kind_of(url))
    if kind_of(url) == "postgresql":
        _run("pg_dump", make_url(url), "--format=custom", "--no-owner", f"--file={target}")
        return
    source = sqlite_path(url)
    try:
        # rw, not ro: what a crash left in the rollback journal must be undone first
        with closing(_open_sqlite(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
        with closing(_open_sqlite(target)) as copy:
            [found] = copy.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise OperationFailed(f"The database {source} cannot be copied: {error}.") from error
    if found != "ok":
        raise OperationFailed(f"The database {source} is damaged: {found}. Restore a backup.")


def check_target(url: str, kind: DatabaseKind) -> None:
    """Check that a copy of a kind can be restored to a database, which must be empty.

    Raises:
        OperationFailed: It cannot.
    """
    if kind_of(url) != kind:
        raise OperationFailed(
            f"The backup is of a {kind} database, but SYNTHCXR_DATABASE_URL names one of "
            f"{kind_of(url)}. Name an empty {kind} database."
        )
    if kind == "sqlite":
        if sqlite_path(url).exists():
            raise OperationFailed("SYNTHCXR_DATABASE_URL names a file that exists already.")
        return
    engine = open_engine(url)
    try:
        with unavailable_by_name(), engine.connect() as connection:
            tables = inspect(connection).get_table_names()
    finally:
        engine.dispose()
    if tables:
        raise OperationFailed(
            "The database that SYNTHCXR_DATABASE_URL names is not empty. Make a new one "
            "(createdb), and name that."
        )


def fill_postgresql(copy: Path, url: str) -> None:
    """Fill an empty PostgreSQL database from a copy, or leave it empty."""
    options = ("--no-owner", "--exit-on-error", "--single-transaction")
    database = make_url(url).database or ""
    _run("pg_restore", make_url(url), *options, f"--dbname={database}", str(copy))


def sqlite_path(url: str) -> Path:
    """Return where an SQLite database lies."""
    return Path(make_url(url).database or "").absolute()


def _open_sqlite(path: Path) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None)


def _run(program: str, url: URL, *arguments: str) -> None:
    """Run a client program of PostgreSQL against a database."""
    found = shutil.which(program)
    if found is None:
        raise OperationFailed(
            f"{program} is not on PATH. Install the PostgreSQL client, in the server's version."
        )
    named = {variable: getattr(url, part) for part, variable in _LIBPQ.items()}
    options = {f"PG{name.upper()}": value for name, value in url.query.items()}
    settings = {name: str(value) for name, value in {**named, **options}.items() if value}
    done = subprocess.run(
        [found, "--no-password", *arguments],
        env={**os.environ, **settings, "PGDATABASE": url.database or ""},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise OperationFailed(f"{program} failed: {last}")
