"""Where images come from: a folder, a ZIP archive, or the phantom generator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from radiographs.errors import UnreadableImage
from radiographs.phantom import FINDINGS, draw
from radiographs.reading.archive import ArchiveTree
from radiographs.reading.decoding import ImageHeader, decode, read_header
from radiographs.reading.file_tree import FileTree, FolderTree
from radiographs.reading.labels import checked_label
from radiographs.reading.layouts import ListedImage, Listing, find_images
from radiographs.store.pixels import Pixels

_HEAD_BYTES = 1 << 14  # holds the size of nearly every image


class Source(Protocol):
    """A listing of images, and a way to read each; safe to read from several threads."""

    def listing(self) -> Listing:
        """Find the images and their labels."""
        ...

    def header(self, image: ListedImage) -> ImageHeader:
        """Read an image's size and depth."""
        ...

    def pixels(self, image: ListedImage) -> Pixels:
        """Read an image."""
        ...


class TreeSource:
    """Images in files."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree

    def listing(self) -> Listing:
        """Find the images and their labels by the layout of the files."""
        return find_images(self._tree)

    def header(self, image: ListedImage) -> ImageHeader:
        """Read an image's size and depth from its first bytes, or from all where these are few."""
        head = self._tree.read(image.name, _HEAD_BYTES)
        try:
            return read_header(head)
        except UnreadableImage:
            if len(head) < _HEAD_BYTES:
                raise
            return read_header(self._tree.read(image.name))

    def pixels(self, image: ListedImage) -> Pixels:
        """Read and decode an image."""
        return decode(self._tree.read(image.name))


class FolderSource(TreeSource):
    """Images in a folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(FolderTree(path))


class ArchiveSource(TreeSource):
    """Images in a ZIP archive."""

    def __init__(self, path: Path) -> None:
        super().__init__(ArchiveTree(path))


class PhantomSource:
    """Drawn images of known findings.

    Args:
        class_counts: How many images of each finding; the findings are `phantom.FINDINGS`.
        image_size: Side of an image.
        seed: Another seed draws other chests.

    Raises:
        ValueError: A finding that cannot be drawn, or a count below 1.
    """

    def __init__(self, class_counts: Mapping[str, int], image_size: int = 128, seed: int = 0):
        unknown = sorted(set(class_counts) - set(FINDINGS))
        if unknown or any(count < 1 for count in class_counts.values()):
            raise ValueError(
                f"phantoms are drawn of {', '.join(FINDINGS)}, at least one each; asked for "
                f"{dict(class_counts)}"
            )
        self._class_counts = dict(class_counts)
        self._image_size = image_size
        self._seed = seed

    def listing(self) -> Listing:
        """Name an image for each chest to draw; no two findings share a chest."""
        labels = [label for label, count in self._class_counts.items() for _ in range(count)]
        return Listing(
            [
                ListedImage(f"{checked_label(label, 'phantom')}/{index:06d}", label)
                for index, label in enumerate(labels)
            ],
            [],
        )

    def header(self, image: ListedImage) -> ImageHeader:  # noqa: ARG002  every phantom is alike
        """Return the size that was asked for, and 8 bits."""
        return ImageHeader(self._image_size, self._image_size, 8)

    def pixels(self, image: ListedImage) -> Pixels:
        """Draw an image."""
        index = int(image.name.rpartition("/")[2])
        return draw(image.label, seed=self._seed, index=index, size=self._image_size).pixels
