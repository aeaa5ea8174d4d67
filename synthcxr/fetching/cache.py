"""Where fetched sets are kept: each under its SHA-256, and which request it answers.

A folder that may be copied, restored from a CI's cache, or removed at any time:
`sets/SHA256.zip`, `requests/DIGEST.json`, and downloads on their way in `incoming/`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synthcxr.errors import SynthCXRError
from synthcxr.resources import Verdict

_CHUNK_BYTES = 2**20


class CacheChanged(SynthCXRError):
    """A set of the cache was altered while it was copied; the next run fetches it anew."""

    code = "cache_changed"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was altered while it was copied. Run the command again.")


class Stamp(BaseModel):
    """How a file looked when its bytes were last checked.

    Attributes:
        path: Where it lies.
        num_bytes: Its size.
        modified_ns: When it was written, in nanoseconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    num_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        """Stamp a file; None where there is none."""
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(
            path=str(path.absolute()), num_bytes=found.st_size, modified_ns=found.st_mtime_ns
        )


class Fetch(BaseModel):
    """What is known of one request.

    Attributes:
        job_id: The job that was asked for it.
        set_id: The set that answers it.
        sha256: Of the set's ZIP, once it is here.
        verdict: Of the gate.
        policy: Digest of the last policy that it met.
        output: How the file looked that was written of it last.
    """

    model_config = ConfigDict(frozen=True)

    job_id: str | None = None
    set_id: str | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")  # it becomes a path
    verdict: Verdict | None = None
    policy: str | None = None
    output: Stamp | None = None


class _Record(BaseModel):
    """A file of the cache, which says whose it is: files may have been moved."""

    request: str
    fetch: Fetch


class Cache:
    """Sets that were fetched.

    Args:
        folder: Where they are kept; made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, request: str) -> Fetch:
        """Return what is known of a request; a file that is torn or another's says nothing."""
        try:
            record = _Record.model_validate_json(self._record(request).read_bytes())
        except (OSError, ValidationError):
            return Fetch()
        return record.fetch if record.request == request else Fetch()

    def write(self, request: str, fetch: Fetch) -> None:
        """Keep what is known of a request."""
        record = _Record(request=request, fetch=fetch)
        self._write_whole(self._record(request), record.model_dump_json(indent=2).encode())

    def holds(self, sha256: str | None) -> bool:
        """Say whether a set is here, whole; whatever else lies in its place is removed."""
        if sha256 is None:
            return False
        path = self.path_of(sha256)
        if path.is_file() and sha256_of(path) == sha256:
            return True
        self.drop(sha256)
        return False

    def drop(self, sha256: str) -> None:
        """Remove a set, or what lies in its place."""
        path = self.path_of(sha256)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def path_of(self, sha256: str) -> Path:
        """Return where a set is kept."""
        return self._folder / "sets" / f"{sha256}.zip"

    def incoming(self, request: str) -> Path:
        """Return where the answer of a request is downloaded to."""
        return self._folder / "incoming" / f"{request}.zip"

    def keep(self, file: Path, sha256: str) -> None:
        """Take a set over under its checksum, in the place of whatever lies there."""
        kept = self.path_of(sha256)
        kept.parent.mkdir(parents=True, exist_ok=True)
        if kept.is_dir() and not kept.is_symlink():  # which no file replaces
            self.drop(sha256)
        file.replace(kept)

    def place(self, sha256: str, destination: Path) -> None:
        """Copy a set to where a user wants it, where it appears whole and on the disk.

        Raises:
            CacheChanged: It is no more what it was when it was checked; nothing is written.
        """
        destination.parent.mkdir(parents=True, exist_ok=True)
        with _aside(destination) as aside:
            digest = hashlib.sha256()
            with self.path_of(sha256).open("rb") as kept, aside.open("wb") as copy:
                while chunk := kept.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            if digest.hexdigest() != sha256:
                raise CacheChanged(self.path_of(sha256))

    @contextmanager
    def locked(self, request: str) -> Iterator[None]:
        """Let one process at a time fetch what a request asks for; the kernel frees what dies."""
        lock = self._folder / "locks" / request
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _record(self, request: str) -> Path:
        return self._folder / "requests" / f"{request}.json"

    def _write_whole(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _aside(path) as aside:
            aside.write_bytes(content)


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Lend a file that takes a place where the block ends well, and that else is removed."""
    aside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def default_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where sets are kept by default: SYNTHCXR_CACHE_DIR, or the user's cache."""
    if chosen := environment.get("SYNTHCXR_CACHE_DIR"):
        return Path(chosen)
    home = environment.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "synthcxr"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
