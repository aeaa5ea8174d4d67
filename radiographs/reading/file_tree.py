"""Files under one root, whether a folder or an archive holds them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.quoting import printable, quoted
from radiographs.reading.messages import OpenFile
from radiographs.warnings import IngestWarning

MAX_FILE_BYTES = 256 << 20  # 100 million pixels of 16 bits, hardly compressed
_MAX_DEPTH = 64  # of folders in folders; no layout needs more than a few
# What operating systems and exports of DICOM leave beside the user's files.
_LITTER = {
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "lost+found", "__pycache__"),
    *("@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin"),
    *("recycler", "recycled", "system volume information", "network trash folder"),
    *("temporary items", "found.000", "dicomdir"),
}


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

    def stream(self, name: str) -> BinaryIO:
        """Open a file to be read from its start, whatever its size; raises as `read` does."""
        ...

    def warnings(self) -> list[IngestWarning]:
        """Say what of the names or folders could not be read as it stands."""
        ...


def is_litter(name: str) -> bool:
    """Say whether a path was left by a system or its trash rather than by the user."""
    parts = name.split("/")
    return any(part.startswith((".", "~$")) or part.lower() in _LITTER for part in parts)


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
        self._num_closed = 0

    def names(self) -> list[str]:
        """Return the path of every file, relative to the root, with `/`, printable, sorted."""
        return sorted(name for name in self._listed() if not is_litter(name))

    def num_bytes(self, name: str) -> int:
        """Return a file's size."""
        return self._regular_file(name)[1].st_size

    def read(self, name: str, num_bytes: int | None = None) -> bytes:
        """Read a file, or its first `num_bytes`."""
        try:
            with os.fdopen(self._descriptor(name), "rb", buffering=0) as file:
                if num_bytes is None:
                    num_bytes = os.fstat(file.fileno()).st_size
                    check_file_size(num_bytes)
                return file.read(num_bytes)
        except OSError as error:
            raise _cannot_be_opened(error) from error

    def open(self, name: str) -> OpenFile | None:
        """Open a file to be read, for the caller to close."""
        file = OpenFile(self._descriptor(name))
        try:
            check_file_size(len(file))
        except UnreadableImage:
            os.close(file.descriptor)
            raise
        return file

    def stream(self, name: str) -> BinaryIO:
        """Open a file to be read from its start."""
        return os.fdopen(self._descriptor(name), "rb")

    def warnings(self) -> list[IngestWarning]:
        """Say how many folders were passed over."""
        self._listed()
        if not self._num_closed:
            return []
        detail = (
            f"{self._num_closed} folders cannot be opened, or lie more than {_MAX_DEPTH} deep; "
            "what is in them was not read. Let the service read them."
        )
        return [IngestWarning("folders_closed", detail, 0)]

    def _descriptor(self, name: str) -> int:
        path, _ = self._regular_file(name)
        try:
            # Should it have become a pipe meanwhile, opening it must not wait for a writer.
            descriptor = _open_without_waiting(str(path), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _cannot_be_opened(error) from error
        try:
            _check_regular(os.fstat(descriptor))
        except UnreadableImage:
            os.close(descriptor)
            raise
        return descriptor

    def _listed(self) -> dict[str, str]:
        if self._paths is None:
            self._paths = {}
            for path, is_closed in _files_below(str(self._root)):
                if is_closed:
                    self._num_closed += not is_litter(path.rstrip("/"))
                else:
                    self._paths[printable(path)] = path
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


def _files_below(root: str) -> Iterator[tuple[str, bool]]:
    """Walk a folder without following links.

    Yields:
        Paths of files, each with False; of folders that cannot be read, with True.
    """
    waiting = [("", 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            entries = os.scandir(f"{root}/{folder}")
        except OSError:
            yield folder, True
            continue
        with entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                if not entry.is_dir(follow_symlinks=False):
                    yield path, False
                elif depth < _MAX_DEPTH:
                    waiting.append((f"{path}/", depth + 1))
                else:
                    yield path, True


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImage("not_a_file", "It is a folder, a pipe, a socket or a device.")


def _cannot_be_opened(error: OSError) -> UnreadableImage:
    return UnreadableImage("missing", f"It cannot be opened: {error.strerror}.")
