"""MedMNIST: an .npz of train_images, train_labels, val_..., test_..., alone or in a folder or ZIP.

An .npz is a ZIP of arrays, so that one that is uploaded as it is looks like a ZIP of .npy files.
Images of 28 px are too small; MedMNIST+ has 64, 128 and 224.
"""

from __future__ import annotations

from radiographs.errors import IngestRefused
from radiographs.reading.array_tree import ArrayTree, ImageArrays, arrays_of
from radiographs.reading.file_index import FileIndex
from radiographs.reading.listing import ListedImage, Listing
from radiographs.reading.spellings import joined
from radiographs.reading.tables.table import base_name

NAME = "MedMNIST"
_SPLITS = ("train", "val", "test")
_CLASSES: dict[str, tuple[str, ...]] = {
    "pneumoniamnist": ("normal", "pneumonia"),
    "chestmnist": (
        *("atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule"),
        *("pneumonia", "pneumothorax", "consolidation", "edema", "emphysema", "fibrosis"),
        *("pleural", "hernia"),
    ),
}
_NOTHING = "no finding"  # where each of several findings is 0


def read(index: FileIndex) -> Listing | None:
    """Read a set of MedMNIST."""
    arrays, source = _arrays(index)
    if not arrays:
        return None
    classes = next((its for name, its in _CLASSES.items() if name in source), ())
    tree = ArrayTree(arrays)
    images = [ListedImage(name, _label(classes, row)) for name, row in tree.labels()]
    return Listing(images, [], layout=NAME, leaves_out_rare=True, tree=tree)


def _arrays(index: FileIndex) -> tuple[list[ImageArrays], str]:
    """Return the arrays of each split, and what the file is called where that is known."""
    if any(base_name(name) == "train_images.npy" for name in index.arrays):
        return arrays_of(index.tree, _SPLITS), ""
    packed = [name for name in index.arrays if name.lower().endswith(".npz")]
    if not packed or index.images:
        return [], ""
    if len(packed) > 1:
        raise IngestRefused(
            "no_labels",
            f"There are {len(packed)} .npz files. Add each as a dataset of its own.",
        )
    return arrays_of(index.tree, _SPLITS, packed[0]), base_name(packed[0]).lower()


def _label(classes: tuple[str, ...], row: list[int]) -> str:
    if len(row) == 1:
        return classes[row[0]] if row[0] < len(classes) else str(row[0])
    there = [classes[k] if k < len(classes) else str(k) for k, value in enumerate(row) if value]
    return joined(there) or _NOTHING
