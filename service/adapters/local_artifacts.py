"""Artifacts in a local folder: written aside, made durable, then renamed into place."""

import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from typing_extensions import override

from service.adapters.durable_files import storage_full_by_name, sync
from service.domain.ports import ArtifactStore, CheckpointFolder, StoredSize, UploadWriter


class LocalArtifacts(ArtifactStore):
    """The artifact store of one machine.

    Args:
        data_dir: Artifacts lie in `artifacts/`, work in progress in `staging/`, received archives
            in `uploads/`; all on one file system, since publishing is a rename.
    """

    def __init__(self, data_dir: Path) -> None:
        self._artifacts = data_dir.resolve() / "artifacts"
        self._staging = data_dir.resolve() / "staging"
        self._uploads = data_dir.resolve() / "uploads"

    @override
    def check(self, *, writing: bool = False) -> None:
        """Do nothing: a disk that fails says so when it is used."""

    @override
    def path(self, key: str) -> Path:
        check_key(key)
        return self._artifacts / key

    @override
    def exists(self, key: str) -> bool:
        return self.path(key).exists()

    @override
    def size(self, key: str) -> StoredSize:
        return _size(self.path(key))

    @override
    def staging(self, name: str) -> Path:
        """Return a fresh empty folder; what an earlier attempt left under the name is removed."""
        folder = self._staging / name
        with storage_full_by_name():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        return folder

    @override
    def publish(self, staged: Path, key: str) -> None:
        target = self.path(key)
        with storage_full_by_name():
            for path in [*staged.rglob("*"), staged]:
                sync(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                staged.rename(target)
            except OSError:
                if not target.exists():
                    raise
                _remove(staged)  # an earlier attempt published the same content
                os.utime(target)  # young again, so that it is not pruned before its commit
            sync(target.parent)

    @override
    def delete(self, key: str) -> None:
        """Remove what lies under a key; first renamed, so that no reader meets half of it.

        What a deletion that was killed left of it is removed too.

        Raises:
            OSError: Something of it cannot be removed.
        """
        target = self.path(key)
        doomed = f"deleted-{key.replace('/', '-')}"
        if target.exists():
            self._staging.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                target.rename(self._staging / f"{doomed}-{os.urandom(4).hex()}")
        for left in self._staging.glob(f"{glob.escape(doomed)}-????????"):
            _remove(left)

    @override
    def free_bytes(self) -> int | None:
        there = (each for each in self._artifacts.parents if each.exists())
        return shutil.disk_usage(next(there)).free

    @override
    def upload_path(self, job_id: str) -> Path:
        return self._uploads / f"{job_id}.zip"

    @override
    def open_upload(self, job_id: str) -> "LocalUpload":
        with storage_full_by_name():
            self._uploads.mkdir(parents=True, exist_ok=True)
            return LocalUpload(self.upload_path(job_id))

    @override
    def delete_upload(self, job_id: str) -> None:
        self.upload_path(job_id).unlink(missing_ok=True)

    @override
    def discard_abandoned_uploads(self) -> int:
        """Remove the parts whose process died: the kernel let go of their locks with it."""
        abandoned = [part for part in self._uploads.glob("*.part") if _nobody_holds(part)]
        for part in abandoned:
            part.unlink(missing_ok=True)
        return len(abandoned)

    @override
    def delete_staging(self, name: str) -> None:
        for folder in self._staged(name):
            _remove(folder)

    def discard(self, staged: Path) -> None:
        """Remove one staged file or folder."""
        _remove(staged)

    @override
    def open_checkpoints(self, job_id: str, attempt: str) -> "LocalCheckpoints":
        return LocalCheckpoints(self.path(f"checkpoints/{job_id}"))

    @override
    def has_upload(self, job_id: str) -> bool:
        return self.upload_path(job_id).exists()

    @override
    def uploads(self) -> Iterator[tuple[str, datetime]]:
        for path in self._uploads.glob("*.zip"):
            if changed_at := _changed_at(path):
                yield path.stem, changed_at

    @override
    def size_of_work(self, job_id: str) -> StoredSize:
        total = _size(self.upload_path(job_id))
        for folder in self._staged(job_id):
            total += _size(folder)
        return total

    def _staged(self, name: str) -> list[Path]:
        escaped = glob.escape(name)
        return [*self._staging.glob(escaped), *self._staging.glob(f"{escaped}-*")]

    @override
    def folders_of(self, record_id: str) -> set[str]:
        folders = (each.relative_to(self._artifacts) for each in self._artifacts.glob("*/*"))
        return {each.as_posix() for each in folders if record_id in each.name.split("-")}

    @override
    def folders(self) -> Iterator[tuple[str, datetime]]:
        for folder in self._artifacts.glob("*/*"):
            if changed_at := _changed_at(folder):
                yield folder.relative_to(self._artifacts).as_posix(), changed_at

    @override
    def discard_unfinished(self, before: datetime) -> int:
        changes = {each: _changed_at(each) for each in self._staging.glob("*")}
        doomed = [each for each, at in changes.items() if at and at < before]
        for each in doomed:
            _remove(each)
        return len(doomed)

    @override
    def drop_outdated_copies(self) -> None:
        """Do nothing: there are no copies."""


class LocalCheckpoints(CheckpointFolder):
    """The checkpoints of a job in the store itself: kept as soon as they are written.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    @override
    def path(self) -> Path:
        return self._folder

    @override
    def keep(self) -> None:
        """Do nothing: they are."""


class LocalUpload(UploadWriter):
    """An archive being received beside its final name.

    Args:
        target: Where it will lie.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._partial = target.with_suffix(".part")
        self._file = self._open()

    def _open(self) -> BinaryIO:
        """Make the file and hold it as long as this process lives."""
        while True:
            file = self._partial.open("xb", buffering=2**20)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:
                return file
            file.close()  # taken for an abandoned one before it was held

    @override
    def write(self, chunk: bytes) -> None:
        with storage_full_by_name():
            self._file.write(chunk)

    def flushed(self) -> Path:
        """Return where it lies while it has no name yet, whole on the disk."""
        with storage_full_by_name():
            self._file.flush()
            os.fsync(self._file.fileno())
        return self._partial

    @override
    def commit(self) -> None:
        self.flushed()
        with storage_full_by_name():
            self._file.close()
            self._partial.rename(self._target)
            sync(self._target.parent)

    @override
    def discard(self) -> None:
        """Remove it; what a full disk kept in the buffer is let go."""
        with suppress(OSError):
            self._file.close()
        self._partial.unlink(missing_ok=True)


def check_key(key: str) -> None:
    """Go on if a key leads to a place inside the store.

    Raises:
        ValueError: It does not.
    """
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or ".." in parts:
        raise ValueError(f"{key!r} is not an artifact key.")


def _size(place: Path) -> StoredSize:
    """Count the files in a folder, or one file; none where nothing lies."""
    paths = place.rglob("*") if place.is_dir() else [place]
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    return StoredSize(len(sizes), sum(sizes))


def _changed_at(place: Path) -> datetime | None:
    """Return when something in a place changed last; None while somebody is at work there."""
    try:
        newest = max(path.lstat().st_mtime for path in [place, *place.rglob("*")])
    except FileNotFoundError:
        return None
    return datetime.fromtimestamp(newest, UTC)


def _nobody_holds(part: Path) -> bool:
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


def _remove(path: Path) -> None:
    """Remove a file or folder that others may be removing too."""
    while path.exists():
        with suppress(FileNotFoundError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
