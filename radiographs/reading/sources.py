"""Where images come from: a folder, a ZIP archive, or the phantom generator."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from radiographs.errors import UnreadableImage
from radiographs.phantom import FINDINGS, draw
from radiographs.prepared_image import PreparedPixels, StoredForm, prepare
from radiographs.reading.archive import ArchiveTree
from radiographs.reading.decoding_pool import DecodingPool
from radiographs.reading.dicom.content import is_dicom
from radiographs.reading.file_tree import MAX_FILE_BYTES, FileTree, FolderTree, check_file_size
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.labels import checked_label
from radiographs.reading.layouts import find_images
from radiographs.reading.limits import ReadingLimits, check_proportion
from radiographs.reading.listing import ListedImage, Listing
from radiographs.reading.messages import OpenFile
from radiographs.reading.tiff import SIGNATURES as TIFF_SIGNATURES
from radiographs.store.pixels import Pixels

Found = TypeVar("Found")

_HEAD_BYTES = 1 << 14  # holds the size of nearly every image
_LARGE_BYTES = 1 << 18  # from here on the decoding process reads a file by itself
_BYTES_AT_ONCE = 2 << 20  # sent to one process before it begins to answer
_LONG_HEAD_BYTES = 4 << 20  # profiles and thumbnails may come before it
_START_BYTES = 256  # show a format


def _has_header_anywhere(start: bytes) -> bool:
    """Say whether a format may have its header behind the pixels, or anything before these."""
    return start.startswith(TIFF_SIGNATURES) or is_dicom(start)


class Reader(Protocol):
    """Reads images, from several threads at once."""

    def headers(self, images: Sequence[ListedImage]) -> list[ImageHeader | UnreadableImage]:
        """Read sizes and depths of images.

        Returns:
            One for each image; the reason where it cannot be read.
        """
        ...

    def pixels(
        self, images: Sequence[ListedImage], form: StoredForm
    ) -> list[PreparedPixels | UnreadableImage]:
        """Read images in the form of a store; returns as `headers` does."""
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

    def headers(self, images: Sequence[ListedImage]) -> list[ImageHeader | UnreadableImage]:
        """Read headers from the first bytes of files, and from more where these do not do."""
        found = self._each(images, partial(self._head, _HEAD_BYTES), self._pool.headers)
        longer = partial(self._head, _LONG_HEAD_BYTES)
        self._read_again(images, found, longer, _HEAD_BYTES, lambda _: True)
        self._read_again(images, found, self._whole, _LONG_HEAD_BYTES, _has_header_anywhere)
        return [self._proportionate(*each) for each in zip(images, found, strict=True)]

    def pixels(
        self, images: Sequence[ListedImage], form: StoredForm
    ) -> list[PreparedPixels | UnreadableImage]:
        """Read and decode images."""
        return self._each(images, self._whole, partial(self._pool.pixels, form=form))

    def close(self) -> None:
        """End the processes at once."""
        self._pool.close()

    def _each(
        self,
        images: Sequence[ListedImage],
        read: Callable[[ListedImage], bytes | OpenFile],
        ask: Callable[[Sequence[bytes | OpenFile]], list[Found | UnreadableImage]],
    ) -> list[Found | UnreadableImage]:
        """Read files, and ask for them some megabytes at a time."""
        found: dict[int, Found | UnreadableImage] = {}
        waiting: dict[int, bytes | OpenFile] = {}
        num_bytes = 0
        for k, image in enumerate(images):
            try:
                waiting[k] = read(image)
            except UnreadableImage as problem:
                found[k] = problem
                continue
            num_bytes += len(waiting[k])
            if num_bytes > _BYTES_AT_ONCE:
                found.update(_asked(waiting, ask))
                waiting, num_bytes = {}, 0
        found.update(_asked(waiting, ask))
        return [found[k] for k in range(len(images))]

    def _read_again(
        self,
        images: Sequence[ListedImage],
        found: list[ImageHeader | UnreadableImage],
        read: Callable[[ListedImage], bytes | OpenFile],
        num_bytes_read: int,
        wanted: Callable[[bytes], bool],
    ) -> None:
        """Read more of files whose header was not found in their first bytes.

        Args:
            images: All of them.
            found: What was found of each, changed in place.
            read: Reads more.
            num_bytes_read: How much was read: a file that has no more is left alone.
            wanted: Says by the first bytes whether more is to be read.
        """
        again = [
            k
            for k, header in enumerate(found)
            if isinstance(header, UnreadableImage)
            and self._is_longer(images[k], num_bytes_read)
            and wanted(self._tree.read(images[k].name, _START_BYTES))
        ]
        headers = self._each([images[k] for k in again], read, self._pool.headers)
        for k, header in zip(again, headers, strict=True):
            found[k] = header

    def _head(self, num_bytes: int, image: ListedImage) -> bytes:
        check_file_size(self._tree.num_bytes(image.name))
        return self._tree.read(image.name, num_bytes)

    def _is_longer(self, image: ListedImage, num_bytes: int) -> bool:
        try:
            return num_bytes < self._tree.num_bytes(image.name) <= MAX_FILE_BYTES
        except UnreadableImage:
            return False

    def _whole(self, image: ListedImage) -> bytes | OpenFile:
        """Open a large file, and read another."""
        if self._tree.num_bytes(image.name) < _LARGE_BYTES:
            return self._tree.read(image.name)
        opened = self._tree.open(image.name)
        return self._tree.read(image.name) if opened is None else opened

    def _proportionate(
        self, image: ListedImage, header: ImageHeader | UnreadableImage
    ) -> ImageHeader | UnreadableImage:
        if isinstance(header, UnreadableImage):
            return header
        try:
            check_proportion(header, self._tree.num_bytes(image.name))
        except UnreadableImage as problem:
            return problem
        return header


def _asked(
    files: Mapping[int, bytes | OpenFile],
    ask: Callable[[Sequence[bytes | OpenFile]], list[Found | UnreadableImage]],
) -> dict[int, Found | UnreadableImage]:
    """Ask for files by their numbers, and close those that are open."""
    try:
        return dict(zip(files, ask(list(files.values())), strict=True))
    finally:
        for file in files.values():
            if isinstance(file, OpenFile):
                os.close(file.descriptor)


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

    def headers(self, images: Sequence[ListedImage]) -> list[ImageHeader | UnreadableImage]:
        """Return the size that was asked for, and 8 bits."""
        return [ImageHeader(self._image_size, self._image_size, 8) for _ in images]

    def pixels(
        self, images: Sequence[ListedImage], form: StoredForm
    ) -> list[PreparedPixels | UnreadableImage]:
        """Draw images."""
        return [prepare(self._drawn(image), form) for image in images]

    def _drawn(self, image: ListedImage) -> Pixels:
        index = int(image.name.rpartition("/")[2])
        return draw(image.label, seed=self._seed, index=index, size=self._image_size).pixels

    def close(self) -> None:
        """Nothing is to be ended."""
