"""Files under one root, whether a folder or an archive holds them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from radiographs.errors import IngestRefused, UnreadableImage

# What operating systems leave beside the user's files.
_LITTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}


class FileTree(Protocol):
    """A listing of files and a way to read their bytes; safe to read from several threads."""

    def names(self) -> list[str]:
        """Return the path of every file, relative to the root, with `/`, sorted."""
        ...

    def read(self, name: str, num_bytes: int | None = None) -> bytes:
        """Read a file, or its first `num_bytes`.

        Raises:
            UnreadableImage: The bytes cannot be had.
        """
        ...


def is_litter(name: str) -> bool:
    """Say whether a path was left by an operating system rather than by the user."""
    return any(part in _LITTER or part.startswith(".") for part in name.split("/"))


class FolderTree:
    """The files of a folder; links that lead out of it are not followed."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise IngestRefused(
                "folder_not_found",
                f"There is no folder {root.name!r}. Give the path of a folder of radiographs.",
            )
        self._root = root.resolve()

    def names(self) -> list[str]:
        """Return the path of every file, relative to the root, with `/`, sorted."""
        found = []
        for folder, _, files in os.walk(self._root):
            relative = Path(folder).relative_to(self._root)
            found += [(relative / file).as_posix() for file in files]
        return sorted(name for name in found if not is_litter(name))

    def read(self, name: str, num_bytes: int | None = None) -> bytes:
        """Read a file, or its first `num_bytes`."""
        path = self._root / name
        if path.is_symlink() and not path.resolve().is_relative_to(self._root):
            raise UnreadableImage("outside_folder", "It is a link that leads out of the folder.")
        try:
            with path.open("rb", buffering=0) as file:
                return file.read(-1 if num_bytes is None else num_bytes)
        except OSError as error:
            raise UnreadableImage("missing", f"It cannot be opened: {error.strerror}.") from error
