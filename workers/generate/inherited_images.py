"""The images that a model learned from before its training, through the model it started from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radiographs.splits.split import TRAINED
from radiographs.store.pixel_store import PixelStore
from release.data import InheritedImages, Pixels


def inherited_images(
    store: PixelStore, earlier: Sequence[PixelStore], size: int
) -> InheritedImages:
    """Read the images that models learn from of earlier datasets, (n, size, size).

    Patients are named as in the dataset at hand, where they are in it, so that nobody's own images
    are taken for those of another; others are given further numbers.

    Args:
        store: Of the dataset that a model was trained on.
        earlier: Those of the datasets that it inherits; one at least.
        size: Side of its images. Smaller images are enlarged: a copy of one is as large.
    """
    number_of = dict(zip(store.identities.tolist(), store.groups.tolist(), strict=True))
    further = int(store.groups.max()) + 1
    pixels, patients = [], []
    for each in earlier:
        pixels += list(_learned(each, size))
        for identity in each.identities[each.trained].tolist():
            number = number_of.setdefault(identity, further)
            further += number == further
            patients.append(number)
    return InheritedImages(np.concatenate(pixels), np.array(patients, np.int64))


def _learned(store: PixelStore, size: int) -> Iterator[Pixels]:
    """Read the images that models learn from, at a size that the store may not have."""
    stored = store.image_size
    if size <= stored and stored % size == 0:
        yield store.images_of(*TRAINED, size=size).pixels
        return
    images: NDArray[np.uint8] = store.images_of(*TRAINED).pixels
    if len(images):
        resized = (
            Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
            for image in images
        )
        yield np.stack([np.asarray(image) for image in resized])
