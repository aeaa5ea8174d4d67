"""Images of an archive that are no dataset: each is brought to one form by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from radiographs.errors import UnreadableImage
from radiographs.parallel import in_order
from radiographs.prepared_image import StoredForm
from radiographs.reading.archive import ArchiveLimits, ArchiveTree
from radiographs.reading.limits import ReadingLimits
from radiographs.reading.listing import ListedImage
from radiographs.reading.sources import TreeReader
from radiographs.store.pixels import Pixels


class SingleImage(NamedTuple):
    """One file of an archive.

    Args:
        name: Its path there.
        pixels: (size, size); or why it cannot be read.
    """

    name: str
    pixels: Pixels | UnreadableImage


class SingleImages:
    """The files of an archive, each of which should be an image.

    Args:
        path: The archive.
        limits: What it may hold.

    Raises:
        IngestRefused: It is no ZIP, or one that must not be opened; see `ArchiveTree`.
    """

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        self._tree = ArchiveTree(path, limits)
        self.names = self._tree.names()

    def read(
        self, form: StoredForm, limits: ReadingLimits | None = None
    ) -> Iterator[list[SingleImage]]:
        """Read every file in processes that are limited.

        Args:
            form: What the images become.
            limits: What one image may cost.

        Yields:
            The next files, in the order of their names; none while nothing has come for a while.
        """
        reader = TreeReader(self._tree, limits or ReadingLimits())

        def read(some: Sequence[ListedImage]) -> list[SingleImage]:
            return list(_read(reader, some, form))

        listed = [ListedImage(name, "") for name in self.names]
        try:
            yield from in_order(read, listed, os.cpu_count() or 1, reader.close)
        finally:
            reader.close()


def _read(
    reader: TreeReader, files: Sequence[ListedImage], form: StoredForm
) -> Iterator[SingleImage]:
    """Read files whose headers are in proportion to their sizes."""
    headers = reader.headers(files)
    bad = {
        file.name: header
        for file, header in zip(files, headers, strict=True)
        if isinstance(header, UnreadableImage)
    }
    good = [file for file in files if file.name not in bad]
    read = dict(zip((file.name for file in good), reader.pixels(good, form), strict=True))
    for file in files:
        found = bad.get(file.name) or read[file.name]
        pixels = found if isinstance(found, UnreadableImage) else found.stored
        yield SingleImage(file.name, pixels)
