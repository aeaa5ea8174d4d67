"""What the service keeps: database, artifacts, keys, and what was left behind."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import func, select

from service.adapters.artifact_store import open_artifacts
from service.adapters.clock import SystemClock
from service.adapters.signing_keys import KeyRing
from service.adapters.split_key import SplitKey
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.errors import ArtifactsUnavailable, RecordsUnavailable, SyntheticDataError
from service.domain.record_ports import Records
from service.operations.checks.finding import Finding
from service.operations.checks.machine import compare_clock
from service.operations.database_copy import kind_of, sqlite_path
from service.operations.stored_artifacts import missing_artifacts
from service.settings import Settings

_LEFT_OVER_AFTER_SECONDS = 24 * 3600.0


def check_database(settings: Settings) -> Iterator[Finding]:
    """Check that the database can be reached, is whole and names what is there."""
    url = settings.resolved_database_url
    if kind_of(url) == "sqlite":
        if not sqlite_path(url).exists():
            yield Finding(
                "database", "ok", "none yet; `synthcxr up` or `synthcxr migrate` makes it"
            )
            return
        integrity = _integrity(sqlite_path(url))
        yield integrity
        if integrity.failed:
            return
    engine = open_engine(url)
    records = sql_records(engine, SystemClock())
    try:
        records.database.check()
        yield Finding("database", "ok", f"{kind_of(url)}, of this version's schema")
        if kind_of(url) == "postgresql":
            with engine.connect() as connection:
                now = connection.execute(select(func.clock_timestamp())).scalar_one()
            yield compare_clock("clock against the database", now)
        yield from _artifacts(settings, records)
    except RecordsUnavailable as error:
        yield Finding("database", "failed", error.message, "See the text.")
    finally:
        engine.dispose()


def _integrity(path: Path) -> Finding:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    fix = "" if found == "ok" else "Stop the service and restore a backup (`synthcxr restore`)."
    return Finding("database file", "failed" if fix else "ok", f"{path}: {found}", fix)


def _artifacts(settings: Settings, records: Records) -> Iterator[Finding]:
    named = records.catalog.referenced_artifacts()
    try:
        gone = missing_artifacts(settings, named)
    except ArtifactsUnavailable as error:
        yield Finding("artifacts", "failed", error.message, "See the text.")
        return
    for each in gone:
        fix = "Restore it from a backup, or delete its record."
        yield Finding("artifacts", "failed", f"{each} is missing", fix)
    if not gone:
        place = settings.artifacts or "the data directory"
        yield Finding("artifacts", "ok", f"all that the database names are in {place}")


def check_object_store(settings: Settings) -> Iterator[Finding]:
    """Check that the bucket of the artifacts can be read, where they lie in one."""
    if settings.artifacts is None:
        return
    try:
        open_artifacts(settings).check()
    except ArtifactsUnavailable as error:
        yield Finding("object store", "failed", error.message, "See the text.")
        return
    yield Finding("object store", "ok", settings.artifacts)


def check_keys(settings: Settings) -> Iterator[Finding]:
    """Check keys that exist; those of a new service are made when they are first needed."""
    folder = settings.data_dir.resolve() / "keys"
    in_use = (folder / "identities.npz").exists() or (folder / "current").exists()
    if not in_use:
        yield Finding("keys", "ok", "none yet; they are made when they are first needed")
        return
    fix = "Restore keys/ from a backup."
    try:
        SplitKey(settings.data_dir, settings.split_key_file).read()
        if (folder / "current").exists():
            KeyRing(settings.data_dir).current()
    except SyntheticDataError as error:
        yield Finding("keys", "failed", error.message, fix)
        return
    readable = [path for path in folder.rglob("*") if path.stat().st_mode & 0o077]
    if readable:
        fix = f"chmod -R go= {folder}"
        yield Finding("keys", "failed", f"other users can read {readable[0].name}", fix)
    else:
        yield Finding("keys", "ok", "split key and signing key are there")


def check_leftovers(settings: Settings) -> Iterator[Finding]:
    """Look for files that no attempt can still be at work on."""
    data_dir = settings.data_dir.resolve()
    candidates = [*data_dir.glob("staging/*"), *data_dir.glob("uploads/*.part")]
    outdated = time.time() - _LEFT_OVER_AFTER_SECONDS
    left = [path for path in candidates if path.lstat().st_mtime < outdated]
    if left:
        found = f"{len(left)} files or folders of more than a day in staging/ and uploads/"
        yield Finding("leftovers", "warning", found, "Run the scheduler: it removes them.")
    else:
        yield Finding("leftovers", "ok", "none")
