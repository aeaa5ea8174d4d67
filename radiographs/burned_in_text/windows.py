"""The windows that are judged: pieces of an image at which capitals are 5 to 12 pixels high."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]
Batch = NDArray[np.float32]

ROWS, COLUMNS = 16, 40
ROW_STEP, COLUMN_STEP = 4, 8
PAD_ROWS, PAD_COLUMNS = 4, 8  # of repeated edge around an image: text may touch the edge
MIN_SIDE = 48  # of a reduced image: in smaller ones a capital would be a tenth of the image
_LEAST_DEVIATION = 6.0  # grey levels: what is flatter is not stretched to full contrast


class Places(NamedTuple):
    """Upper left corners of windows, in pixels of the image that was looked at."""

    top: NDArray[np.intp]
    left: NDArray[np.intp]


def levels(image: Grey) -> Iterator[tuple[int, Grey]]:
    """Yield an image and its halves, each padded, with the factor by which it is smaller."""
    factor, reduced = 1, Image.fromarray(image)
    while min(reduced.size) >= MIN_SIDE:
        yield factor, _padded(np.asarray(reduced))
        factor, reduced = 2 * factor, reduced.reduce(2)


def _padded(image: Grey) -> Grey:
    height, width = image.shape
    rows, columns = -height % ROW_STEP + 2 * PAD_ROWS, -width % COLUMN_STEP + 2 * PAD_COLUMNS
    padded = np.empty((height + rows, width + columns), np.uint8)
    middle = slice(PAD_ROWS, PAD_ROWS + height)
    padded[middle, PAD_COLUMNS : PAD_COLUMNS + width] = image
    padded[middle, :PAD_COLUMNS] = image[:, :1]
    padded[middle, PAD_COLUMNS + width :] = image[:, -1:]
    padded[:PAD_ROWS] = padded[PAD_ROWS]
    padded[PAD_ROWS + height :] = padded[PAD_ROWS + height - 1]
    return padded


def cut(image: Grey, places: Places) -> Batch:
    """Cut windows out, (n, ROWS, COLUMNS), each of mean 0 and about deviation 1."""
    views = np.lib.stride_tricks.sliding_window_view(image, (ROWS, COLUMNS))
    cut_out = views[places.top, places.left].astype(np.float32)
    cut_out -= cut_out.mean(axis=(1, 2), keepdims=True)
    cut_out /= np.maximum(cut_out.std(axis=(1, 2), keepdims=True), _LEAST_DEVIATION)
    return cut_out
