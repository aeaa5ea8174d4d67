"""A ZIP whose bytes follow from its contents alone.

Members are stored uncompressed in the order of writing, by the rules of `synthcxr.package_format`.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from synthcxr.package_format import plain_member

_CHUNK_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the ZIP.

    Attributes:
        path: Its name in the ZIP.
        num_bytes: Its size.
        sha256: Digest of its bytes, in hex.
    """

    path: str
    num_bytes: int
    sha256: str


class Archive:
    """A ZIP that grows file by file, in constant memory but for its table of contents.

    Args:
        target: The file to make, or an open one that can be written to and moved about in.

    Attributes:
        members: What was written so far, in order.
    """

    def __init__(self, target: Path | IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_STORED)
        self.members: list[Member] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def write(self, path: str, data: bytes) -> Member:
        """Append a file."""
        return self.copy(path, io.BytesIO(data))

    def copy(self, path: str, source: IO[bytes]) -> Member:
        """Append all that an open file holds, chunk by chunk."""
        digest = hashlib.sha256()
        num_bytes = source.seek(0, os.SEEK_END)
        source.seek(0)
        with self._zip.open(plain_member(path, num_bytes), "w") as target:
            while chunk := source.read(_CHUNK_BYTES):
                target.write(chunk)
                digest.update(chunk)
        member = Member(path, num_bytes, digest.hexdigest())
        self.members.append(member)
        return member
