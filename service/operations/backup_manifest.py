"""What a backup holds: every file with its digest, so that a restore can check it first."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from service.operations.database_copy import DatabaseKind
from service.operations.errors import OperationFailed

MANIFEST = "manifest.json"
_CHUNK_BYTES = 2**20


class FileDigest(BaseModel):
    """A file of a backup: sha256 in hex, and its size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    num_bytes: int


class BackupManifest(BaseModel):
    """The table of contents of a backup.

    Attributes:
        format: Of the backup.
        version: Of the service that made it.
        schema_revision: Of its database.
        created_at: When it was begun, RFC 3339.
        database: What kind of database the copy is of.
        files: Every file but this one, by its path in the backup.
        absent: Artifacts that the database names and that were not there: deleted while the backup
            was made, or lost before.
        artifacts: The bucket that artifacts and uploads lie in, which is not copied; None where
            they are among the files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    version: str
    schema_revision: str
    created_at: str
    database: DatabaseKind
    files: dict[str, FileDigest]
    absent: tuple[str, ...] = ()
    artifacts: str | None = None

    @field_validator("format")
    @classmethod
    def _known(cls, value: int) -> int:
        if value != 1:
            raise ValueError("it was made by another version of the service")
        return value

    @field_validator("files")
    @classmethod
    def _inside(cls, value: dict[str, FileDigest]) -> dict[str, FileDigest]:
        for name in value:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or str(path) != name:
                raise ValueError(f"{name!r} is not the path of a file in a backup")
        return value


@contextmanager
def for_owner_alone() -> Iterator[None]:
    """Let nobody else read what this process writes within the block."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def copy_file(source: Path, target: Path) -> FileDigest:
    """Copy a file, which only its owner may read; returns its digest.

    Raises:
        OSError: It is gone, is a link, or the disk is full.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, num_bytes = hashlib.sha256(), 0
    with (
        open(source, "rb", opener=_no_link) as reading,
        open(target, "xb", opener=_private) as writing,
    ):
        while chunk := reading.read(_CHUNK_BYTES):
            digest.update(chunk)
            num_bytes += len(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return FileDigest(sha256=digest.hexdigest(), num_bytes=num_bytes)


def verified_manifest(backup: Path) -> BackupManifest:
    """Read a manifest and check every file of the backup against it.

    Raises:
        OperationFailed: A file is missing, changed or not listed.
    """
    try:
        manifest = BackupManifest.model_validate_json((backup / MANIFEST).read_bytes())
    except OSError as error:
        raise OperationFailed(f"{backup} is no backup: it has no {MANIFEST}.") from error
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"]
        raise OperationFailed(f"{backup / MANIFEST} cannot be used: {why}.") from error
    found = {str(path.relative_to(backup)) for path in files_below(backup)} - {MANIFEST}
    for name in sorted(found ^ manifest.files.keys()):
        problem = "is not listed in its manifest" if name in found else "is missing"
        raise OperationFailed(f"The backup is damaged: {name} {problem}.")
    for name, expected in manifest.files.items():
        if digest_of(backup / name) != expected:
            raise OperationFailed(f"The backup is damaged: {name} has changed.")
    return manifest


def digest_of(path: Path) -> FileDigest:
    """Compute a file's digest."""
    with open(path, "rb", opener=_no_link) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileDigest(sha256=digest, num_bytes=os.fstat(file.fileno()).st_size)


def files_below(folder: Path) -> Iterator[Path]:
    """List whatever is no folder below one, links included, in the order of their names."""
    return (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)
