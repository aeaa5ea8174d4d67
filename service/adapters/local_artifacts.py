"""Artifacts in a local folder: written aside, made durable, then renamed into place."""

import fcntl
import glob
import os
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from typing_extensions import override

from service.adapters.durable_files import storage_full_by_name, sync
from service.domain.ports import ArtifactStore, UploadWriter


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
    def path(self, key: str) -> Path:
        """Return where a key lies; a key never leads outside the store."""
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or ".." in parts:
            raise ValueError(f"{key!r} is not an artifact key.")
        return self._artifacts.joinpath(*parts)

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
    def stagings(self, job_id: str) -> list[Path]:
        return list(self._staging.glob(f"{glob.escape(job_id)}-*"))

    @override
    def delete_staging(self, job_id: str) -> None:
        for folder in self.stagings(job_id):
            _remove(folder)

    @override
    def folders_of(self, record_id: str) -> set[str]:
        folders = (each.relative_to(self._artifacts) for each in self._artifacts.glob("*/*"))
        return {each.as_posix() for each in folders if record_id in each.name.split("-")}


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

    @override
    def commit(self) -> None:
        with storage_full_by_name():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.rename(self._target)
            sync(self._target.parent)

    @override
    def discard(self) -> None:
        """Remove it; what a full disk kept in the buffer is let go."""
        with suppress(OSError):
            self._file.close()
        self._partial.unlink(missing_ok=True)


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
