"""How images and their labels lie in a folder or an archive: a layout each, tried in this order.

A layout is a function that returns what it found, or None where the files are not of its kind. A
table that comes with a public set is recognised by its columns. docs/datasets.md says how each set
is given.
"""

from __future__ import annotations

from collections.abc import Callable

from radiographs.errors import IngestRefused
from radiographs.reading.file_index import FileIndex
from radiographs.reading.file_tree import FileTree
from radiographs.reading.layouts import (
    chexpert,
    class_folders,
    labelled_tables,
    labels_file,
    medmnist,
    mimic_cxr,
    nih,
    padchest,
    rsna,
    shenzhen,
    vindr,
)
from radiographs.reading.listing import DroppedFile, ListedImage, Listing
from radiographs.reading.settled_listing import settled
from radiographs.warnings import IngestWarning

__all__ = ["LAYOUTS", "DroppedFile", "ListedImage", "Listing", "find_images"]

Layout = Callable[[FileIndex], Listing | None]

LAYOUTS: tuple[Layout, ...] = (
    labels_file.read,
    medmnist.read,
    nih.read,
    chexpert.read,
    mimic_cxr.read,
    padchest.read,
    vindr.read,
    rsna.read,
    shenzhen.read,
    labelled_tables.read,
    class_folders.read,
)


def find_images(tree: FileTree) -> Listing:
    """Find the images of a folder or archive and their labels.

    Raises:
        IngestRefused: no_images, no_labels, labels_invalid.
    """
    index = FileIndex(tree)
    listing = next((found for layout in LAYOUTS if (found := layout(index))), None)
    if listing is None or not listing.images:
        dropped = listing.dropped if listing else []
        raise IngestRefused(
            "no_images",
            "No images were found where a layout has them. Expected CLASS/images/* or CLASS/* or "
            "image files with a labels.csv (file,label); docs/datasets.md has all layouts."
            + _unpack(index.num_archives)
            + "".join(f" {len(dropped)} files: {file.reason}" for file in dropped[:1]),
            [f"{file.file}: {file.reason}" for file in dropped[:1]],
        )
    return settled(listing, [*tree.warnings(), *_archives(index.num_archives)])


def _unpack(num_archives: int) -> str:
    return f" {num_archives} archives lie inside: unpack them first." if num_archives else ""


def _archives(num_archives: int) -> list[IngestWarning]:
    if not num_archives:
        return []
    detail = f"{num_archives} archives lie among the files and were not read. Unpack them if they "
    return [IngestWarning("archives_not_read", f"{detail}belong to the set.", 0)]
