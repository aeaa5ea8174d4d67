"""A dataset's images on disk: a folder that is read by memory map.

    pixels.npy    (images, size, size) uint8 or uint16
    images.npz     labels, splits, groups, identities: one number per image
    files.json    the name each image had in its source
    store.json    format, classes, image_size, bit_depth, fingerprint, version, counts

Images stand in an order that their content decides, so one fingerprint means one pixels.npy.
Patient ids are not kept: only which images share a group. The folder is as private as the images
in it: images.npz says in plain which split each is in, so that training needs no key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radiographs.splits.split import Split
from radiographs.store.image_table import ImageTable
from radiographs.store.pixels import Pixels, to_depth
from radiographs.store.resizing import block_mean

FORMAT = 1
_IMAGES_AT_ONCE = 256


class LabelledPixels(NamedTuple):
    """Images (n, size, size) and the index of each one's class."""

    pixels: Pixels
    labels: NDArray[np.int64]


class SplitImages(NamedTuple):
    """Images of some splits, as the gate compares them with synthetic ones.

    Args:
        pixels: (n, size, size), 8 bits deep.
        labels: (n,), the index of each one's class.
        groups: (n,), equal for images of one patient and for near duplicates.
        splits: (n,), values of `Split`.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    splits: NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class PixelStore(ImageTable):
    """An opened store.

    Args:
        pixels: Every image, mapped from disk: index it, and only those images are read.
        image_size: Side of each image.
        bit_depth: 8 or 16.
    """

    pixels: Pixels
    image_size: int
    bit_depth: int

    @classmethod
    def open(cls, folder: Path) -> PixelStore:
        """Open a store that `write_store` has written.

        Raises:
            ValueError: The folder holds no store of a format we know.
        """
        try:
            about = json.loads((folder / "store.json").read_bytes())
        except FileNotFoundError as error:
            raise ValueError(f"{folder} holds no pixel store: store.json is missing") from error
        if about["format"] != FORMAT:
            raise ValueError(f"the pixel store has format {about['format']}; {FORMAT} is read")
        with np.load(folder / "images.npz") as images:
            return cls(
                pixels=np.load(folder / "pixels.npy", mmap_mode="r"),
                image_size=about["image_size"],
                bit_depth=about["bit_depth"],
                classes=tuple(about["classes"]),
                labels=images["labels"],
                splits=images["splits"],
                groups=images["groups"],
                identities=images["identities"],
                files=tuple(json.loads((folder / "files.json").read_bytes())),
                fingerprint=about["fingerprint"],
                version=about["version"],
            )

    def training(self, size: int | None = None) -> LabelledPixels:
        """Return the images that models may be trained on, at `size` or as stored."""
        images = np.flatnonzero(self.trained)
        return LabelledPixels(
            self._select(images, self.image_size if size is None else size), self.labels[images]
        )

    def images_of(self, *splits: Split, size: int | None = None) -> SplitImages:
        """Return the images of some splits, at `size` or as stored, 8 bits deep."""
        images = np.flatnonzero(np.isin(self.splits, splits))
        pixels = self._select(images, self.image_size if size is None else size)
        if self.bit_depth != 8:
            pixels = to_depth(pixels.astype(np.float32), self.bit_depth, 8)
        return SplitImages(
            pixels.astype(np.uint8, copy=False),
            self.labels[images],
            self.groups[images],
            self.splits[images],
        )

    def _select(self, images: NDArray[np.intp], size: int) -> Pixels:
        if not 0 < size <= self.image_size or self.image_size % size:
            raise ValueError(
                f"images of {self.image_size} px cannot be had at {size} px: the size must divide "
                f"{self.image_size}"
            )
        if size == self.image_size:
            return self.pixels[images]
        smaller = np.empty((len(images), size, size), self.pixels.dtype)
        for start in range(0, len(images), _IMAGES_AT_ONCE):
            some = slice(start, start + _IMAGES_AT_ONCE)
            means = block_mean(self.pixels[images[some]], self.image_size // size)
            smaller[some] = to_depth(means, self.bit_depth, self.bit_depth)
        return smaller


def write_store(
    folder: Path,
    pixels: Pixels,
    order: NDArray[np.intp],
    table: ImageTable,
) -> Iterator[int]:
    """Write a store, some images at a time.

    Args:
        folder: An existing folder, private until its owner publishes it.
        pixels: Images in any order; may be a memory map.
        order: Which of them comes first, second, and so on.
        table: Labels and so on, already in that order.

    Yields:
        How many images have been written.
    """
    size, depth = pixels.shape[1], pixels.dtype.itemsize * 8
    # Written as a file and not through a map: a full disk is then an OSError, not a crash.
    with (folder / "pixels.npy").open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(pixels[:0])
        header["shape"] = (len(order), size, size)
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(order), _IMAGES_AT_ONCE):
            file.write(pixels[order[start : start + _IMAGES_AT_ONCE]].tobytes())
            yield min(start + _IMAGES_AT_ONCE, len(order))
    np.savez(
        folder / "images.npz",
        labels=table.labels,
        splits=table.splits,
        groups=table.groups,
        identities=table.identities,
    )
    _write_json(folder / "files.json", table.files)
    _write_json(
        folder / "store.json",
        {
            "format": FORMAT,
            "classes": table.classes,
            "image_size": size,
            "bit_depth": depth,
            "fingerprint": table.fingerprint,
            "version": table.version,
            "counts": table.counts(),
        },
    )


def _write_json(path: Path, content: Mapping[str, Any] | Sequence[Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
