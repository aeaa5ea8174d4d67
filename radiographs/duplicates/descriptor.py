"""What an image shows, in 2,304 bytes that its size, depth, borders and file format hardly change.

Copies of one radiograph come as PNG and JPEG, at other sizes, inside a frame, or stretched to a
square. The descriptor is taken from the image as it was decoded, before any of the store's own
sizes, depths and fits: what is constant at the edges is cut off, the rest is brought to a small
square and spread over 256 grey values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiographs.store.pixels import Pixels
from radiographs.store.resizing import area_mean

SIDE = 48
Descriptor = NDArray[np.uint8]  # (SIDE, SIDE); many: (n, SIDE, SIDE)

# A row or column is border where it varies by no more than this share of the image's range.
_BORDER_TOLERANCE = 0.03
# Of each axis at least this share is kept: an image that is flat over more is not framed.
_MIN_CONTENT = 0.5


def describe(pixels: Pixels, values: NDArray[np.float32] | None = None) -> Descriptor:
    """Describe a decoded image of any shape and depth.

    Args:
        pixels: The image.
        values: The same as floating point, where the caller has it already.
    """
    square = area_mean((pixels if values is None else values)[_content(pixels)], SIDE, SIDE)
    low, high = square.min(), square.max()
    scale = np.float32(255) / max(high - low, np.float32(1e-6))
    descriptor: Descriptor = ((square - low) * scale + np.float32(0.5)).astype(np.uint8)
    return descriptor


def _content(pixels: Pixels) -> tuple[slice, slice]:
    """Return the rows and columns without those at the edges that are nearly constant."""
    tolerance = _BORDER_TOLERANCE * (int(pixels.max()) - int(pixels.min()))
    rows = _extent(np.ptp(pixels, axis=1) > tolerance)
    return rows, _extent(np.ptp(pixels[rows], axis=0) > tolerance)


def _extent(varies: NDArray[np.bool_]) -> slice:
    """Return the range from the first to the last True, or all where that is too little."""
    found = np.flatnonzero(varies)
    if len(found) == 0 or found[-1] + 1 - found[0] < _MIN_CONTENT * len(varies):
        return slice(0, len(varies))
    return slice(int(found[0]), int(found[-1]) + 1)
