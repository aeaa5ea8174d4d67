"""The contact sheet of a dataset: a few real images of every class, as private as all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiographs.store.pixel_store import PixelStore
from radiographs.store.pixels import to_depth
from radiographs.store.resizing import block_mean
from release.package.png import png

IMAGES_PER_CLASS = 10
MAX_SIDE = 64  # pixels of one image
_GAP = 2


def contact_sheet(store: PixelStore) -> bytes:
    """Lay out the first images of each class, a row for each; returns a grey PNG.

    The order of a store is that of its content, so the choice shows nothing of the splits.
    """
    rows = [
        _row(store, np.flatnonzero(store.labels == label)[:IMAGES_PER_CLASS])
        for label in range(len(store.classes))
    ]
    return png(np.concatenate(rows)[:-_GAP, :-_GAP])


def _row(store: PixelStore, places: NDArray[np.intp]) -> NDArray[np.uint8]:
    side = min(MAX_SIDE, store.image_size)
    factor = store.image_size // side
    row = np.zeros((side + _GAP, IMAGES_PER_CLASS * (side + _GAP)), np.uint8)
    for column, place in enumerate(places.tolist()):
        image = block_mean(store.pixels[place : place + 1], factor)
        left = column * (side + _GAP)
        row[:side, left : left + side] = to_depth(image, store.bit_depth, 8)[0]
    return row
