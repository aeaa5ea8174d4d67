"""Takes a backup of keys, database and artifacts; the service may run meanwhile.

The order makes it consistent. The database is copied first: what it names was published before,
and artifacts never change once they are published. Then the keys: a patient ledger that knows more
than the database does no harm, one that knows less would. Then the artifacts, of which one may be
deleted meanwhile: the manifest names it. Artifacts in an object store are not copied: the manifest
names the bucket, and those that are not in it.
"""

from __future__ import annotations

import secrets
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from service.adapters.clock import SystemClock
from service.adapters.signing_keys import KeyRing
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.adapters.sql_tables import SCHEMA_REVISION
from service.operations.backup_manifest import (
    MANIFEST,
    BackupManifest,
    FileDigest,
    copy_file,
    digest_of,
    files_below,
    for_owner_alone,
)
from service.operations.database_copy import copy_database, copy_name, kind_of, sqlite_path
from service.operations.errors import OperationFailed
from service.operations.stored_artifacts import CHECKPOINTS, missing_artifacts
from service.settings import Settings

_UNFINISHED = ".part"


@for_owner_alone()
def back_up(settings: Settings, destination: Path) -> BackupManifest:
    """Take a backup; it appears at its destination when it is whole.

    Args:
        settings: Name the data directory and the database.
        destination: A folder that does not exist, or is empty.

    Raises:
        OperationFailed: It could not be taken; nothing of it is left.
        RecordsUnavailable: The database cannot be reached, or has another version's schema.
        ArtifactsUnavailable: The object store cannot be reached.
    """
    destination = destination.resolve()
    if destination.is_relative_to(settings.data_dir.resolve()):
        raise OperationFailed("Choose a folder outside the data directory, best on another disk.")
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise OperationFailed(f"{destination} exists already; choose another folder.")
    partial = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(mode=0o700, parents=True)
        manifest = _Backup(settings, partial).take()
        content = manifest.model_dump_json(indent=2).encode()
        (partial / MANIFEST).write_bytes(content)
        partial.rename(destination)  # also over an empty folder
    except OSError as error:
        place = error.filename or partial
        raise OperationFailed(f"{place}: {error.strerror}. No backup was taken.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


class _Backup:
    """A backup being taken into a folder."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._data_dir = settings.data_dir.resolve()
        self._folder = folder
        self._files: dict[str, FileDigest] = {}
        self._absent: list[str] = []

    def take(self) -> BackupManifest:
        created_at = datetime.now(UTC).isoformat(timespec="seconds")
        url = self._settings.resolved_database_url
        kind = kind_of(url)
        named = self._copy_records(url)
        self._files[copy_name(kind)] = digest_of(self._folder / copy_name(kind))
        KeyRing(self._data_dir).public_keys()  # makes the first, so that both sign with the same
        self._copy_folder("keys")
        if self._settings.split_key_file:
            self._copy(self._settings.split_key_file, "keys/split.key")
        if self._settings.artifacts:
            self._absent += missing_artifacts(self._settings, named)
        else:
            for artifact in sorted(named):
                self._copy_artifact(artifact)
            self._copy_folder("uploads")
        return BackupManifest(
            version=version("synthcxr"),
            schema_revision=SCHEMA_REVISION,
            created_at=created_at,
            database=kind,
            files=self._files,
            absent=tuple(self._absent),
            artifacts=self._settings.artifacts,
        )

    def _copy_records(self, url: str) -> set[str]:
        """Copy the database; returns the artifacts that it names, before or after the copy."""
        if kind_of(url) == "sqlite" and not sqlite_path(url).exists():
            raise OperationFailed(f"There is no database at {sqlite_path(url)}; name --data-dir.")
        engine = open_engine(url)
        records = sql_records(engine, SystemClock())
        try:
            records.database.check()
            named = records.catalog.referenced_artifacts()
            copy_database(url, self._folder)
            return named | records.catalog.referenced_artifacts()
        finally:
            engine.dispose()

    def _copy_artifact(self, artifact: str) -> None:
        """Copy a folder whole, or name it as absent."""
        before = set(self._files)
        num_gone = self._copy_folder(f"artifacts/{artifact}")
        if artifact.startswith(CHECKPOINTS):
            return
        copied = self._files.keys() - before
        if num_gone or not copied:
            for name in copied:
                del self._files[name]
            shutil.rmtree(self._folder / "artifacts" / artifact, ignore_errors=True)
            self._absent.append(artifact)

    def _copy_folder(self, name: str) -> int:
        """Copy what lies in a folder; returns how many files were gone before they were copied."""
        finished = [
            path
            for path in files_below(self._data_dir / name)
            if path.is_file() and not path.is_symlink() and path.suffix != _UNFINISHED
        ]
        return sum(not self._copy(path, str(path.relative_to(self._data_dir))) for path in finished)

    def _copy(self, source: Path, name: str) -> bool:
        """Copy a file; returns whether it was there."""
        try:
            self._files[name] = copy_file(source, self._folder / name)
        except FileNotFoundError:
            (self._folder / name).unlink(missing_ok=True)
            return False
        return True
