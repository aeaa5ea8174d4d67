"""Where images come from: a folder, a ZIP archive, or the phantom generator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from radiographs.errors import UnreadableImage
from radiographs.phantom import FINDINGS, draw
from radiographs.prepared_image import PreparedPixels, StoredForm, prepare
from radiographs.reading.archive import ArchiveTree
from radiographs.reading.decoding_pool import DecodingPool
from radiographs.reading.file_tree import FileTree, FolderTree, check_file_size
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.labels import checked_label
from radiographs.reading.layouts import find_images
from radiographs.reading.limits import ReadingLimits, check_proportion
from radiographs.reading.listing import ListedImage, Listing

_HEAD_BYTES = 1 << 14  # holds the size of nearly every image
_LONGEST_HEAD_BYTES = 4 << 20  # profiles and thumbnails may come before it


class Reader(Protocol):
    """Reads images, from several threads at once."""

    def header(self, image: ListedImage) -> ImageHeader:
        """Read an image's size and depth.

        Raises:
            UnreadableImage: With the reason.
        """
        ...

    def pixels(self, image: ListedImage, form: StoredForm) -> PreparedPixels:
        """Read an image in the form of a store; raises as `header` does."""
        ...

    def close(self) -> None:
        """Stop at once; what is being read ends with an error."""
        ...


class Source(Protocol):
    """A listing of images, and a reader of them."""

    def listing(self) -> Listing:
        """Find the images and their labels."""
        ...

    def reader(self, limits: ReadingLimits) -> Reader:
        """Begin to read; the caller closes the reader."""
        ...


class TreeReader:
    """Reads files here, and decodes them in processes that are limited.

    Args:
        tree: The files.
        limits: What one image may cost.
    """

    def __init__(self, tree: FileTree, limits: ReadingLimits) -> None:
        self._tree = tree
        self._pool = DecodingPool(limits)

    def header(self, image: ListedImage) -> ImageHeader:
        """Read an image's size and depth from its first bytes."""
        num_bytes = self._tree.num_bytes(image.name)
        check_file_size(num_bytes)
        header = self._header(image.name, num_bytes)
        check_proportion(header, num_bytes)
        return header

    def pixels(self, image: ListedImage, form: StoredForm) -> PreparedPixels:
        """Read and decode an image."""
        return self._pool.pixels(self._tree.read(image.name), form)

    def close(self) -> None:
        """End the processes at once."""
        self._pool.close()

    def _header(self, name: str, num_bytes: int) -> ImageHeader:
        try:
            return self._pool.header(self._tree.read(name, _HEAD_BYTES))
        except UnreadableImage:
            if num_bytes <= _HEAD_BYTES:
                raise
            return self._pool.header(self._tree.read(name, _LONGEST_HEAD_BYTES))


class TreeSource:
    """Images in files."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = self._images = tree

    def listing(self) -> Listing:
        """Find the images and their labels by the layout of the files."""
        listing = find_images(self._tree)
        self._images = listing.tree or self._tree
        return listing

    def reader(self, limits: ReadingLimits) -> Reader:
        """Begin to read."""
        return TreeReader(self._images, limits)


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
            layout="phantoms",
        )

    def reader(self, limits: ReadingLimits) -> Reader:
        """Begin to draw; phantoms are no files that could cost too much."""
        del limits
        return PhantomReader(self._image_size, self._seed)


class PhantomReader:
    """Draws phantoms.

    Args:
        image_size: Side of an image.
        seed: Another seed draws other chests.
    """

    def __init__(self, image_size: int, seed: int) -> None:
        self._image_size = image_size
        self._seed = seed

    def header(self, image: ListedImage) -> ImageHeader:
        """Return the size that was asked for, and 8 bits."""
        del image
        return ImageHeader(self._image_size, self._image_size, 8)

    def pixels(self, image: ListedImage, form: StoredForm) -> PreparedPixels:
        """Draw an image."""
        index = int(image.name.rpartition("/")[2])
        drawn = draw(image.label, seed=self._seed, index=index, size=self._image_size)
        return prepare(drawn.pixels, form)

    def close(self) -> None:
        """Nothing is to be ended."""
