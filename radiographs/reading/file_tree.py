"""Files under one root, whether a folder or an archive holds them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.quoting import printable, quoted
from radiographs.reading.messages import OpenFile

MAX_FILE_BYTES = 256 << 20  # 100 million pixels of 16 bits, hardly compressed
_MAX_DEPTH = 64  # of folders in folders; no layout needs more than a few
# What operating systems and exports of DICOM leave beside the user's files.
_LITTER = {"__MACOSX", "Thumbs.db", "desktop.ini", "DICOMDIR"}


class FileTree(Protocol):
    """A listing of files and a way to read their bytes; safe to read from several threads."""

    def names(self) -> list[str]:
        """Return the path of every file, relative to the root, with `/`, printable, sorted."""
        ...

    def num_bytes(self, name: str) -> int:
        """Return a file's size.

        Raises:
            UnreadableImage: It cannot be had.
        """
        ...

    def read(self, name: str, num_bytes: int | None = None) -> bytes:
        """Read a file, or its first `num_bytes`.

        Raises:
            UnreadableImage: The bytes cannot be had, or are more than `MAX_FILE_BYTES`.
        """
        ...

    def open(self, name: str) -> OpenFile | None:
        """Open a file to be read, for the caller to close; None where it is no file of its own.

        Raises:
            UnreadableImage: As `read` does.
        """
        ...


def is_litter(name: str) -> bool:
    """Say whether a path was left by an operating system rather than by the user."""
    return any(part in _LITTER or part.startswith(".") for part in name.split("/"))


class FolderTree:
    """The regular files of a folder; links that lead out of it are not followed."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise IngestRefused(
                "folder_not_found",
                "There is no such folder. Give the path of a folder of radiographs.",
                [quoted(root.name)],
            )
        self._root = root.resolve()
        self._paths: dict[str, str] | None = None  # relative, as the system spells them

    def names(self) -> list[str]:
        """Return the path of every file, relative to the root, with `/`, printable, sorted."""
        return sorted(name for name in self._listed() if not is_litter(name))

    def num_bytes(self, name: str) -> int:
        """Return a file's size."""
        return self._regular_file(name)[1].st_size

    def read(self, name: str, num_bytes: int | None = None) -> bytes:
        """Read a file, or its first `num_bytes`."""
        path, _ = self._regular_file(name)
        try:
            # Should it have become a pipe meanwhile, opening it must not wait for a writer.
            with open(path, "rb", buffering=0, opener=_open_without_waiting) as file:
                status = os.fstat(file.fileno())
                _check_regular(status)
                if num_bytes is None:
                    check_file_size(status.st_size)
                    num_bytes = status.st_size
                return file.read(num_bytes)
        except OSError as error:
            raise _cannot_be_opened(error) from error

    def open(self, name: str) -> OpenFile | None:
        """Open a file to be read, for the caller to close."""
        path, _ = self._regular_file(name)
        try:
            # Should it have become a pipe meanwhile, opening it must not wait for a writer.
            file = OpenFile(_open_without_waiting(str(path), os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            raise _cannot_be_opened(error) from error
        try:
            _check_regular(os.fstat(file.descriptor))
            check_file_size(len(file))
        except UnreadableImage:
            os.close(file.descriptor)
            raise
        return file

    def _listed(self) -> dict[str, str]:
        if self._paths is None:
            self._paths = {printable(path): path for path in _files_below(str(self._root))}
        return self._paths

    def _regular_file(self, name: str) -> tuple[Path, os.stat_result]:
        """Return where a file lies, all links followed, and its status; it is not opened."""
        path = self._root / self._listed().get(name, name)
        try:
            if path.is_symlink():
                path = path.resolve(strict=True)
                if not path.is_relative_to(self._root):
                    raise UnreadableImage(
                        "outside_folder", "It is a link that leads out of the folder."
                    )
            status = path.lstat()
        except OSError as error:
            raise _cannot_be_opened(error) from error
        except RuntimeError as error:  # which pathlib raises for a loop
            raise UnreadableImage("missing", "It is a link that leads to itself.") from error
        _check_regular(status)
        return path, status


def check_file_size(num_bytes: int) -> None:
    """Raise UnreadableImage for a file that is too large to be read whole."""
    if num_bytes > MAX_FILE_BYTES:
        raise UnreadableImage(
            "too_large",
            f"The file has {num_bytes:,} bytes and {MAX_FILE_BYTES:,} are allowed. Reduce it.",
        )


def _files_below(root: str) -> Iterator[str]:
    """Walk a folder without following links; folders that cannot be read are passed over."""
    waiting = [("", 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            entries = os.scandir(f"{root}/{folder}")
        except OSError:
            continue
        with entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                if not entry.is_dir(follow_symlinks=False):
                    yield path
                elif depth < _MAX_DEPTH:
                    waiting.append((f"{path}/", depth + 1))


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImage("not_a_file", "It is a folder, a pipe, a socket or a device.")


def _cannot_be_opened(error: OSError) -> UnreadableImage:
    return UnreadableImage("missing", f"It cannot be opened: {error.strerror}.")
