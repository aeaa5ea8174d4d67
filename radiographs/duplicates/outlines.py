"""Where in an image edges run, and in which directions: 216 numbers for a first look.

The edges' strength is shared among 6 directions and 6 x 6 overlapping cells, as in histograms of
oriented gradients (Dalal and Triggs 2005, doi:10.1109/CVPR.2005.177). Light and dark side of an
edge are not distinguished, so an inverted image has the same numbers; a mirrored one has them in
another order; a small crop, shift or turn moves little from one cell or direction to the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiographs.duplicates.contrast import blurring, local_contrast
from radiographs.duplicates.descriptor import SIDE, Descriptor

Outlines = NDArray[np.float32]  # (n, NUM)

_DIRECTIONS = 6
_CELLS = 6  # a side
NUM = _DIRECTIONS * _CELLS**2
_SURROUNDINGS = 0.104  # standard deviation of the local contrast, in sides
_SMOOTHING = 0.8 / SIDE  # of the contrast before it is derived, in sides
_MOST = 1.0  # local contrast beyond this counts as this: a marker no more than ribs
_FAINT = 1e-3  # strength that counts as none
_IMAGES_AT_ONCE = 256


def outlines_of(descriptors: Descriptor) -> Outlines:
    """Describe the edges of images (n, SIDE, SIDE)."""
    outlines = np.empty((len(descriptors), NUM), np.float32)
    for start in range(0, len(descriptors), _IMAGES_AT_ONCE):
        some = slice(start, start + _IMAGES_AT_ONCE)
        contrast = local_contrast(descriptors[some], _SURROUNDINGS)
        strength = _by_direction(contrast.clip(-_MOST, _MOST))
        cells = np.swapaxes(_CELL_WEIGHTS @ strength @ _CELL_WEIGHTS.T, 0, 1)
        outlines[some] = np.sqrt(cells + np.float32(_FAINT)).reshape(-1, NUM)
    return outlines


def mirrored(outlines: Outlines) -> Outlines:
    """Return the outlines of the mirrored images."""
    places = np.arange(NUM).reshape(_DIRECTIONS, _CELLS, _CELLS)
    places = places[-np.arange(_DIRECTIONS) % _DIRECTIONS, :, ::-1]
    return outlines[:, places.ravel()]


def _by_direction(contrast: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share each pixel's slope among directions: (_DIRECTIONS, n, SIDE, SIDE)."""
    smooth = blurring(_SMOOTHING)
    derived = np.gradient(smooth, axis=0)
    down, across = derived @ contrast @ smooth.T, smooth @ contrast @ derived.T
    slope = np.hypot(down, across) + np.float32(1e-6)
    # twice the angle: opposite slopes are one direction
    cosine, sine = (across**2 - down**2) / slope, 2 * across * down / slope
    angles = 2 * np.pi * np.arange(_DIRECTIONS, dtype=np.float32) / _DIRECTIONS
    strength = np.empty((_DIRECTIONS, *contrast.shape), np.float32)
    for angle, of_angle in zip(angles, strength, strict=True):
        along = (cosine * np.cos(angle) + sine * np.sin(angle)).clip(0)
        np.divide(along * along, slope, out=of_angle)
    return strength


def _cell_weights() -> NDArray[np.float32]:
    """Return the (_CELLS, SIDE) weights by which pixels count in the cells around them."""
    at = (np.arange(SIDE) + 0.5) * _CELLS / SIDE - 0.5
    weights = (1 - np.abs(at - np.arange(_CELLS)[:, None])).clip(0)
    return weights.astype(np.float32)


_CELL_WEIGHTS = _cell_weights()
