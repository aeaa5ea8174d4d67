"""The files of a tree by what they are for: images, tables, arrays."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.quoting import shortened
from radiographs.reading.file_kinds import (
    ARRAY_SUFFIXES,
    HEAD_BYTES,
    is_archive_name,
    is_image_name,
    is_mask_file,
    is_mask_folder,
    is_oddly_named,
    is_table_name,
    looks_like_image,
)
from radiographs.reading.file_tree import FileTree
from radiographs.reading.image_names import ImageNames
from radiographs.reading.listing import DroppedFile
from radiographs.reading.tables.table import Table, base_name

_MAX_TABLES = 500


class FileIndex:
    """What is in a tree, masks and what systems leave behind left out.

    Args:
        tree: Where the files are.

    Attributes:
        images: Paths of what claims, or turns out, to be an image.
        tables: Paths of tables.
        arrays: Paths of files of NumPy.
        others: Paths of all else.
        dropped: Files that may be images and cannot be looked at.
        unreadable_tables: Paths of tables that turned out to be none, or damaged.
    """

    def __init__(self, tree: FileTree) -> None:
        self.tree = tree
        self.images: list[str] = []
        self.tables: list[str] = []
        self.arrays: list[str] = []
        self.others: list[str] = []
        self.dropped: list[DroppedFile] = []
        self.unreadable_tables: set[str] = set()
        names = [name for name in tree.names() if not _is_below_masks(name)]
        present = set(names)
        for name in names:
            if not is_mask_file(name, present):
                self._kind(name).append(name)

    def _kind(self, name: str) -> list[str]:
        if is_image_name(name):
            return self.images
        if is_table_name(name):
            return self.tables
        if name.lower().endswith(ARRAY_SUFFIXES):
            return self.arrays
        if is_oddly_named(name) and self._shows_image(name):
            return self.images
        return self.others

    def _shows_image(self, name: str) -> bool:
        try:
            return looks_like_image(self.tree.read(name, HEAD_BYTES))
        except UnreadableImage as problem:
            self.dropped.append(DroppedFile(shortened(name), problem.code, problem.reason))
            return False

    @property
    def num_archives(self) -> int:
        """How many archives lie among the files."""
        return sum(map(is_archive_name, self.others))

    @cached_property
    def image_names(self) -> ImageNames:
        """The images, to be found as tables name them."""
        return ImageNames(self.images)

    @cached_property
    def readable_tables(self) -> list[Table]:
        """The tables whose header can be read."""
        return list(self._open_tables())

    def _open_tables(self) -> Iterator[Table]:
        for name in self.tables[:_MAX_TABLES]:
            try:
                yield Table.open(self.tree, name)
            except IngestRefused:
                if stem(name) in {"labels", "label"}:
                    raise
                self.unreadable_tables.add(name)


def stem(name: str) -> str:
    """Return a table's name without folders and suffixes, in small letters."""
    return base_name(name).lower().partition(".")[0]


def _is_below_masks(name: str) -> bool:
    return any(is_mask_folder(folder) for folder in name.split("/")[:-1])
