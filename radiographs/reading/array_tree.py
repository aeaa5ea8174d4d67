"""Images in arrays of NumPy, each shown as a PNG file, so that they are read as files are."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.reading.file_tree import FileTree
from radiographs.warnings import IngestWarning

MAX_ARRAY_BYTES = 4 << 30  # of the images of a split, which are held in memory


@dataclass(frozen=True)
class ImageArrays:
    """The images of one split.

    Args:
        split: Its name.
        images: (n, height, width) or (n, height, width, 3), uint8 or uint16.
        labels: (n, findings): the number of a class, or 1 for each finding that is there.
    """

    split: str
    images: NDArray[np.generic]
    labels: NDArray[np.generic]


def arrays_of(
    tree: FileTree, splits: Sequence[str], packed: str | None = None
) -> list[ImageArrays]:
    """Read SPLIT_images and SPLIT_labels, as .npy files of a tree or out of one .npz.

    Raises:
        IngestRefused: labels_invalid, where they are no such arrays.
    """
    try:
        if packed is None:
            names = {name.rpartition("/")[2]: name for name in tree.names()}
            return [
                ImageArrays(split, *(_array(tree, names[f"{split}_{kind}.npy"]) for kind in _KINDS))
                for split in splits
                if f"{split}_images.npy" in names
            ]
        _check_size(tree.num_bytes(packed))
        with zipfile.ZipFile(io.BytesIO(tree.read(packed, tree.num_bytes(packed)))) as members:
            return [
                ImageArrays(split, *(_member(members, f"{split}_{kind}.npy") for kind in _KINDS))
                for split in splits
                if f"{split}_images.npy" in members.namelist()
            ]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, UnreadableImage) as error:
        raise _refused() from error


_KINDS = ("images", "labels")


def _array(tree: FileTree, name: str) -> NDArray[np.generic]:
    num_bytes = tree.num_bytes(name)
    _check_size(num_bytes)
    return _loaded(tree.read(name, num_bytes))


def _member(members: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    _check_size(members.getinfo(name).file_size)
    return _loaded(members.read(name))


def _loaded(data: bytes) -> NDArray[np.generic]:
    array: NDArray[np.generic] = np.load(io.BytesIO(data), allow_pickle=False)
    if array.dtype.kind not in "uib":
        raise ValueError(f"an array of {array.dtype}")
    return array


def _check_size(num_bytes: int) -> None:
    if num_bytes > MAX_ARRAY_BYTES:
        raise IngestRefused(
            "labels_invalid",
            f"An array has {num_bytes:,} bytes and {MAX_ARRAY_BYTES:,} are allowed. Take the set "
            "at a smaller size, or save its images as PNG files with a labels.csv.",
        )


def _refused() -> IngestRefused:
    return IngestRefused(
        "labels_invalid",
        "The .npz is no set of images: expected arrays train_images (n, height, width) and "
        "train_labels (n, findings) of whole numbers, and val_..., test_... likewise.",
    )


class ArrayTree:
    """The images of arrays as files SPLIT/000000.png."""

    def __init__(self, splits: Sequence[ImageArrays]) -> None:
        self._splits = {each.split: each for each in splits}
        for each in splits:
            shaped = each.images.ndim == 3 or (each.images.ndim == 4 and each.images.shape[3] == 3)
            if not shaped or len(each.images) != len(each.labels):
                raise _refused()
            if each.images.dtype not in (np.uint8, np.uint16):
                raise _refused()

    def labels(self) -> Iterator[tuple[str, list[int]]]:
        """Return each image's name and its row of labels."""
        for split, each in self._splits.items():
            rows = each.labels.reshape(len(each.labels), -1).astype(int)
            for index, row in enumerate(rows.tolist()):
                yield f"{split}/{index:06d}.png", row

    def names(self) -> list[str]:
        """Return the name of every image."""
        return sorted(name for name, _ in self.labels())

    def num_bytes(self, name: str) -> int:
        """Return the size of an image's file."""
        return len(self.read(name))

    def read(self, name: str, num_bytes: int | None = None) -> bytes:
        """Write an image as a PNG, without spending time on packing it."""
        split, _, file = name.partition("/")
        pixels = self._splits[split].images[int(file.removesuffix(".png"))]
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", compress_level=1)
        return out.getvalue()[:num_bytes]

    def open(self, name: str) -> None:
        """Open nothing: an image of an array is no file of its own."""
        del name

    def stream(self, name: str) -> BinaryIO:
        """Open an image's file."""
        return io.BytesIO(self.read(name))

    def warnings(self) -> list[IngestWarning]:
        """Return nothing: arrays have no names that could be unclear."""
        return []
