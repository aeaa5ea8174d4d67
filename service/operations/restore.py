"""Brings a backup back as a new data directory and database.

Everything is checked before anything is written, and nothing that exists is overwritten.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from service.adapters import sql_tables as t
from service.adapters.clock import SystemClock
from service.adapters.sql_database import Database
from service.adapters.sql_engine import open_engine
from service.adapters.sql_jobs import SqlJobs
from service.adapters.sql_migrate import migrate
from service.adapters.sql_rows import job_of
from service.adapters.sql_transactions import Transactions
from service.domain.errors import Problem
from service.domain.job import HELD
from service.operations.backup_manifest import (
    BackupManifest,
    copy_file,
    for_owner_alone,
    verified_manifest,
)
from service.operations.database_copy import check_target, copy_name, fill_postgresql, sqlite_path
from service.operations.errors import OperationFailed
from service.settings import Settings

_STAGING = ".restoring"
_RESTORED = Problem(
    "restored", "The service was restored from a backup while this ran; it runs again."
)


@for_owner_alone()
def restore(settings: Settings, backup: Path) -> BackupManifest:
    """Restore a backup; jobs that ran when it was taken are queued again.

    Args:
        settings: Name the data directory, which must be empty or absent, and the database, which
            must be empty.
        backup: The folder that `back_up` made.

    Raises:
        OperationFailed: The backup is damaged, or the place is not empty.
        RecordsUnavailable: The database cannot be reached.
    """
    data_dir = settings.data_dir.resolve()
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise OperationFailed(
            f"{data_dir} is not empty, and a restore overwrites nothing. Name another folder, or "
            "move this one away."
        )
    manifest = verified_manifest(backup)
    _check_artifacts(settings, manifest)
    url = settings.resolved_database_url
    check_target(url, manifest.database)
    staging = data_dir / _STAGING
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir.chmod(0o700)
        staging.mkdir(mode=0o700)
        _copy_files(backup, manifest, staging)
        copy = staging / copy_name(manifest.database)
        if manifest.database == "postgresql":
            fill_postgresql(copy, url)
            _queue_again(url)
        else:
            _queue_again(f"sqlite:///{copy}")
        for folder in filter(Path.is_dir, staging.iterdir()):
            folder.rename(data_dir / folder.name)
        if manifest.database == "sqlite":  # last: without it the rest is no service
            shutil.move(copy, sqlite_path(url))
    except OSError as error:
        place = error.filename or data_dir
        raise OperationFailed(f"{place}: {error.strerror}. Restore into another folder.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):
            data_dir.rmdir()  # where nothing was restored
    return manifest


def _check_artifacts(settings: Settings, manifest: BackupManifest) -> None:
    """Refuse a backup whose artifacts would not be where the settings say."""
    if manifest.artifacts and not settings.artifacts:
        raise OperationFailed(
            f"The artifacts of this backup lie in {manifest.artifacts}. Let SYNTHCXR_ARTIFACTS "
            "name that bucket, or a copy of it."
        )
    if settings.artifacts and not manifest.artifacts:
        raise OperationFailed(
            "The artifacts of this backup are in it, and go into the data directory. Restore it "
            "without SYNTHCXR_ARTIFACTS."
        )


def _copy_files(backup: Path, manifest: BackupManifest, staging: Path) -> None:
    for name, expected in manifest.files.items():
        if copy_file(backup / name, staging / name) != expected:
            raise OperationFailed(f"{name} changed while it was restored.")


def _queue_again(url: str) -> None:
    """Bring the database to this version's schema, and put back the jobs that ran."""
    engine = open_engine(url)
    try:
        migrate(engine)
        database = Database(Transactions(engine), SystemClock())
        held = select(t.jobs).where(t.jobs.c.state.in_([str(state) for state in HELD]))
        with database.reading() as connection:
            jobs = [job_of(row) for row in connection.execute(held).mappings()]
        for job in jobs:
            SqlJobs(database).put_back(job.claim_held, _RESTORED)
    finally:
        engine.dispose()
