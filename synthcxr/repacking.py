"""The files of a ZIP, and whether anything lies between them.

Digests of a ZIP's files say nothing of the bytes around them: dates, attributes, comments, what
precedes the first file. A package has no freedom there, so packing its files anew in the same way
must yield the same bytes. The service's side is `release/package/archive.py`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import BinaryIO, NamedTuple

from synthcxr.errors import SetNotVerified, SetProblem
from synthcxr.package_format import plain_member

_CHUNK_BYTES = 2**20


class Repacked(NamedTuple):
    """What a ZIP holds.

    Attributes:
        digests: sha256 of every file, in hex.
        nothing_else: Whether these files alone, packed as the service packs, make the same ZIP.
    """

    digests: dict[str, str]
    nothing_else: bool


def repack(path: Path, archive: zipfile.ZipFile) -> Repacked:
    """Read every file of a ZIP.

    Args:
        path: The ZIP.
        archive: The same, open to be read.

    Raises:
        SetNotVerified: `altered_file`, or `extra_file`: two of one name.
    """
    digests: dict[str, str] = {}
    with path.open("rb") as file:
        echo = Echo(file)
        with zipfile.ZipFile(echo, "w", zipfile.ZIP_STORED) as again:
            for found in archive.infolist():
                if found.filename in digests:
                    detail = f"{found.filename} is in the ZIP twice"
                    raise SetNotVerified(SetProblem.EXTRA_FILE, path, detail)
                echo.provisional = True
                digests[found.filename] = _repacked(path, archive, found, again)
        return Repacked(digests, echo.same())


def _repacked(
    path: Path, archive: zipfile.ZipFile, found: zipfile.ZipInfo, again: zipfile.ZipFile
) -> str:
    """Pack a file anew and return its digest."""
    plain = plain_member(found.filename, found.file_size)
    digest = hashlib.sha256()
    try:
        with archive.open(found) as source, again.open(plain, "w") as target:
            while chunk := source.read(_CHUNK_BYTES):
                target.write(chunk)
                digest.update(chunk)
    except (zipfile.BadZipFile, EOFError) as error:
        detail = f"{found.filename} was altered: {error}"
        raise SetNotVerified(SetProblem.ALTERED_FILE, path, detail) from error
    return digest.hexdigest()


class Echo(io.RawIOBase):
    """A file that only compares what is written to it with what another file holds there.

    zipfile writes the header in front of a file twice: provisionally, and again when the file's
    checksum is known. Only the second counts.

    Args:
        file: The other file.

    Attributes:
        provisional: The next write does not count.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0
        self._end = 0
        self._equal = True
        self.provisional = False

    def same(self) -> bool:
        """Say whether all that counted was equal, and the other file ends here too."""
        return self._equal and self._file.seek(0, io.SEEK_END) == self._end

    def writable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position from the start."""
        assert whence == io.SEEK_SET  # noqa: S101 - zipfile asks for nothing else when it writes
        self._at = offset
        return offset

    def write(self, data: bytes) -> int:  # type: ignore[override]  # zipfile writes bytes
        """Compare, and go on."""
        if not self.provisional:
            self._file.seek(self._at)
            self._equal &= self._file.read(len(data)) == data
        self.provisional = False
        self._at += len(data)
        self._end = max(self._end, self._at)
        return len(data)
