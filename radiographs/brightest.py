"""The brightest value of a radiograph itself: markers and single bright points are left aside.

A marker that is burnt in at 65,535 says nothing of the range that a 12-bit detector uses.
"""

from __future__ import annotations

import numpy as np

from radiographs.store.pixels import Pixels

_MAX_SHARE = 0.02  # of the pixels: a marker or a line of text
_MIN_AT_TOP = 0.8  # of the pixels above the radiograph's: a marker has one grey
_NEAR_TOP = 0.9


def brightest(pixels: Pixels) -> int:
    """Return the largest value below which nearly all pixels lie, to the next power of two.

    Where at most 2 % of the pixels of a 16-bit image lie above a power of two, and most of these
    near the brightest one, they are a marker, and the largest value below is returned. That is the
    brightest value itself for every other image.
    """
    top = int(pixels.max())
    if pixels.dtype != np.uint16:
        return top
    num_at_top = np.count_nonzero(pixels >= _NEAR_TOP * top)
    if num_at_top > _MAX_SHARE * pixels.size:
        return top
    bits = top.bit_length()
    while bits > 1:
        num_above = np.count_nonzero(pixels >= 1 << (bits - 1))
        if num_above > _MAX_SHARE * pixels.size or num_at_top < _MIN_AT_TOP * num_above:
            break
        bits -= 1
    return top if bits == top.bit_length() else int(pixels[pixels < 1 << bits].max())
