"""Where text could be: many strokes side by side on neighbouring rows.

A row through a line of text crosses stroke after stroke, each a sharp edge up and a sharp edge down
within a few pixels. Anatomy has hardly a place with three such pairs in 40 pixels. Comparing
neighbouring pixels is all that is done to every pixel, so that an image without text costs little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiographs.burned_in_text.windows import (
    COLUMN_STEP,
    COLUMNS,
    ROW_STEP,
    ROWS,
    Grey,
    Places,
)

LEAST_STEP, GREATEST_STEP = 12, 36  # grey levels between a pixel and the next but one: an edge
_STEP_IN_NOISE = 5  # the same, as a multiple of the median difference
MIN_STROKES = 3  # within a window
MIN_ROWS = 3  # of a window
_SAMPLED = slice(3, None, 8)  # rows that noise is judged by


def places_with_strokes(image: Grey) -> Places:
    """Find the windows that hold strokes enough for a line of text.

    Args:
        image: (height, width) uint8, no smaller than a window.
    """
    wide = _sums(_strokes(image), COLUMNS // COLUMN_STEP, axis=1)
    lines = (wide >= MIN_STROKES).view(np.uint8)
    whole = lines[: len(lines) // ROW_STEP * ROW_STEP]
    blocks = whole.reshape(-1, ROW_STEP, whole.shape[1]).sum(axis=1, dtype=np.uint8)
    row, column = np.nonzero(_sums(blocks, ROWS // ROW_STEP, axis=0) >= MIN_ROWS)
    top, left = row * ROW_STEP, column * COLUMN_STEP
    inside = left <= image.shape[1] - COLUMNS
    return Places(top[inside], left[inside])


def _strokes(image: Grey) -> NDArray[np.uint8]:
    """Count in each row and block of columns the edges, up or down, of which there are fewer."""
    step = _step(image)
    raised = np.minimum(image, 255 - step)
    raised += step
    left, right = slice(None, -2), slice(2, None)
    ups = _starts(image[:, right] > raised[:, left])
    return np.minimum(ups, _starts(image[:, left] > raised[:, right]))


def _step(image: Grey) -> np.uint8:
    """Return how much an edge must differ from the noise of an image."""
    rows = image[_SAMPLED].astype(np.int16)
    usual = float(np.median(np.abs(rows[:, 2:] - rows[:, :-2])))
    return np.uint8(np.clip(_STEP_IN_NOISE * usual, LEAST_STEP, GREATEST_STEP))


def _starts(edge: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Count the runs that begin in each block of eight columns."""
    begins = edge[:, 1:] > edge[:, :-1]
    return np.bitwise_count(np.packbits(begins, axis=1))


def _sums(counts: NDArray[np.uint8], length: int, axis: int) -> NDArray[np.uint8]:
    """Add up so many neighbours along an axis, for each place where they all are."""
    windows = np.lib.stride_tricks.sliding_window_view(counts, length, axis=axis)
    total = windows[..., 0].copy()
    for k in range(1, length):
        total += windows[..., k]
    return total
