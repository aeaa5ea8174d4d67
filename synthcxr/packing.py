"""A folder of images packed into a ZIP to be uploaded, and what of it stays behind."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from synthcxr.errors import FolderNotPackable

_LITTER = (".DS_Store", "._", ".git", ".Trash", ".Spotlight", ".fseventsd")


@dataclass(frozen=True)
class FolderContents:
    r"""The files of a folder.

    Args:
        root: The folder.
        files: By their name in the ZIP: bytes that are no UTF-8 are written as `%F6`.
        num_links: Symbolic links, which are not followed.
        num_hidden: Hidden files and those in hidden folders, but for what systems leave behind.
        num_renamed: Files whose name is no UTF-8.
    """

    root: Path
    files: dict[str, Path]
    num_links: int
    num_hidden: int
    num_renamed: int

    @classmethod
    def of(cls, root: Path) -> FolderContents:
        """Look through a folder.

        Raises:
            FolderNotPackable: The name of a folder in it is no UTF-8, or there are no files.
        """
        files: dict[str, Path] = {}
        num_links = num_hidden = num_renamed = 0
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if any(part.startswith(".") for part in name.parts):
                num_hidden += path.is_file() and not any(p.startswith(_LITTER) for p in name.parts)
            elif path.is_symlink():
                num_links += 1
            elif path.is_dir():
                _check_folder(name)
            elif path.is_file():
                written = _written(name.as_posix())
                num_renamed += written != name.as_posix()
                files[written] = path
        contents = cls(root, files, num_links, num_hidden, num_renamed)
        if not files:
            left = "; ".join(contents.notes())
            raise FolderNotPackable(
                f"{root} holds no files to upload{f': {left}' if left else ''}."
            )
        return contents

    def notes(self) -> list[str]:
        """Say what is left behind or renamed, in lines for a person."""
        found = []
        if self.num_links:
            found.append(
                f"{self.num_links} symbolic links are left behind: put the files themselves there"
            )
        if self.num_hidden:
            found.append(f"{self.num_hidden} hidden files are left behind")
        if self.num_renamed:
            found.append(
                f"{self.num_renamed} names are not UTF-8: the bytes are written as %F6 or the like"
            )
        return found

    @contextmanager
    def packed(self) -> Iterator[IO[bytes]]:
        """Pack the files into a temporary ZIP; they are stored, since images are compressed."""
        with tempfile.TemporaryFile(suffix=".zip") as file:
            # a ZIP knows the years 1980 to 2107; a file of another is dated to the nearest
            with zipfile.ZipFile(file, "w", strict_timestamps=False) as archive:
                for name, path in self.files.items():
                    archive.write(path, name)
            file.seek(0)
            yield file


@contextmanager
def as_zip(source: Path) -> Iterator[IO[bytes]]:
    """Open a ZIP as it is, or a folder packed into one.

    Args:
        source: A ZIP file or a folder of images.

    Raises:
        FolderNotPackable: See `FolderContents.of`.
    """
    if source.is_file():
        with source.open("rb") as file:
            yield file
    else:
        with FolderContents.of(source).packed() as file:
            yield file


def _check_folder(name: Path) -> None:
    if _written(name.name) != name.name:
        shown = os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace")
        raise FolderNotPackable(
            f"The name of the folder {shown} is not UTF-8, so it cannot be a label. Rename it "
            "(convmv -f latin1 -t utf8 does so for many)."
        )


def _written(name: str) -> str:
    """Return a name with each byte that is no UTF-8 as %F6."""
    return "".join(
        f"%{ord(letter) - 0xDC00:02X}" if 0xDC80 <= ord(letter) < 0xDD00 else letter
        for letter in name
    )
