"""Local copies of artifacts that lie elsewhere: private, bounded, and shared by the processes here.

Each publication has a folder under its own random name, so that a copy never goes out of date: it
is there or it is not. Whoever uses one holds a lock on its folder, which ends with the process;
when room is needed, those that nobody holds make way, the longest unused first.
"""

import fcntl
import os
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from service.adapters.durable_files import storage_full_by_name

_MOST_HELD = 16  # of one process; what it used before is open by now
_FETCHING = ".fetching"
_KEY = ".key"
_GONE = ".gone-"
_ABSENT = ".absent"


class ArtifactCache:
    """The copies on this machine.

    Args:
        folder: For them alone; made when it is needed.
        max_bytes: How large all may be together; what is in use may be more.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._held: OrderedDict[str, int] = OrderedDict()  # descriptors that are locked
        self._lock = threading.Lock()

    def absent(self, key: str) -> Path:
        """Return a path where nothing lies, for what is not stored."""
        return self._folder / _ABSENT / key

    def copy(self, folder: Path, name: str, num_bytes: int, fetch: Callable[[Path], None]) -> Path:
        """Return the copy of a file; fetch it where there is none.

        Args:
            folder: Of its publication, held.
            name: Of the file, slashes included.
            num_bytes: Its size.
            fetch: Writes it at a path, whole and checked, or raises.

        Raises:
            StorageFull: The disk is full.
        """
        target = folder / name
        if not target.exists():
            with storage_full_by_name(), _fetching(folder):
                if not target.exists():
                    self._make_room(num_bytes)
                    part = folder / f".{secrets.token_hex(8)}.part"
                    try:
                        fetch(part)
                        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                        part.rename(target)
                    finally:
                        part.unlink(missing_ok=True)
        return target

    def adopt(self, publication: str, key: str, files: Mapping[str, Path]) -> None:
        """Take in files that were just published, instead of fetching them again.

        Args:
            publication: A new one.
            key: What it was published under.
            files: Where they lie, by name.
        """
        folder = self.hold(publication, key)
        for name, file in files.items():
            (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.rename(folder / name)
        self._make_room(0)

    def hold(self, publication: str, key: str) -> Path:
        """Return the folder of a publication's copies, which stays for now.

        Args:
            publication: Its random name.
            key: What it was published under.
        """
        folder = self._folder / publication
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock:
            held = self._held.pop(publication, None)
            if held is None or not _is(folder, held):
                if held is not None:
                    os.close(held)
                held = _locked(folder)
            self._held[publication] = held
            while len(self._held) > _MOST_HELD:
                os.close(self._held.popitem(last=False)[1])
        os.utime(held)
        if not (folder / _KEY).exists():
            (folder / _KEY).write_text(key)
        return folder

    def drop(self, publication: str) -> None:
        """Remove the copies of what was deleted, also from under who reads them."""
        self._remove(self._folder / publication)

    def publications(self) -> dict[str, str]:
        """Return the keys of all publications that there are copies of.

        What a killed process left half removed goes.
        """
        for left in self._folder.glob(f"{_GONE}*"):
            shutil.rmtree(left, ignore_errors=True)
        found = {}
        for key in self._folder.glob(f"*/{_KEY}"):
            with suppress(FileNotFoundError):  # going at this moment
                found[key.parent.name] = key.read_text()
        return found

    def _make_room(self, num_bytes: int) -> None:
        copies = [_Copies.of(self._folder / each) for each in self.publications()]
        total = sum(each.num_bytes for each in copies) + num_bytes
        for each in sorted(copies, key=lambda each: each.used_at):
            if total <= self._max_bytes:
                return
            if self._remove_unused(each.folder):
                total -= each.num_bytes

    def _remove_unused(self, folder: Path) -> bool:
        """Remove a folder unless somebody holds it; return whether it went."""
        try:
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove(folder)
        except BlockingIOError:
            return False
        finally:
            os.close(held)
        return True

    def _remove(self, folder: Path) -> None:
        """Remove a folder, first renamed so that nobody takes half of it for whole."""
        gone = self._folder / f"{_GONE}{secrets.token_hex(8)}"
        try:
            folder.rename(gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def _fetching(folder: Path) -> Iterator[None]:
    """Let one process or thread at a time fetch files of a publication."""
    with (folder / _FETCHING).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _locked(folder: Path) -> int:
    """Open and lock a folder, made anew where it was removed in between."""
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if _is(folder, descriptor):
            return descriptor
        os.close(descriptor)


def _is(folder: Path, descriptor: int) -> bool:
    """Say whether a descriptor is of the folder that has this path now."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


class _Copies(NamedTuple):
    """The copies of one publication, and when they were last used."""

    folder: Path
    used_at: float
    num_bytes: int

    @classmethod
    def of(cls, folder: Path) -> "_Copies":
        used_at, num_bytes = 0.0, 0
        with suppress(FileNotFoundError):  # going at this moment
            used_at = folder.stat().st_mtime
            num_bytes = sum(path.stat().st_size for path in folder.rglob("*"))
        return cls(folder, used_at, num_bytes)
