"""Packing a local folder into the ZIP that the service ingests."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def as_zip(source: Path) -> Iterator[IO[bytes]]:
    """Open a ZIP as it is, or a folder packed into a temporary ZIP.

    Hidden files and symbolic links stay behind. Images are stored, not deflated: they are
    compressed already.

    Args:
        source: A ZIP file or a folder of images.
    """
    if source.is_file():
        with source.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile(suffix=".zip") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(source.rglob("*")):
                name = path.relative_to(source)
                hidden = any(part.startswith(".") for part in name.parts)
                if path.is_file() and not path.is_symlink() and not hidden:
                    archive.write(path, name.as_posix())
        file.seek(0)
        yield file
