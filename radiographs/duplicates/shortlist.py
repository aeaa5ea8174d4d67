"""Which pairs of images may show one radiograph: cheap enough to be asked of every pair.

Two copies rarely show quite the same area: one was cropped, shifted or zoomed. So each image is
seen through several windows, and two images are as alike as their best pair of windows. What is
compared is each window's local contrast in 12 x 12 cells, which gamma, contrast and local
equalisation change little and inversion only in sign. A pair costs 29 products of 144 numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radiographs.duplicates.descriptor import SIDE, Descriptor

CELLS = 12
MIN_CORRELATION = 0.7
PARTNERS = 12  # of an image are listed
_ROWS_AT_ONCE = 512
_COLUMNS_AT_ONCE = 8192
_POSE_BITS = 31  # the low bits of a correlation carry the number of its pose
_COARSE = 0.104  # standard deviation of the local contrast, in sides
_NOISE = 6.0  # grey values: fainter contrast is not raised

Contrast = NDArray[np.float32]  # (n, SIDE, SIDE)


class Window(NamedTuple):
    """A part of an image: from top to bottom and left to right, in shares of its sides."""

    top: float
    bottom: float
    left: float
    right: float


class Pairs(NamedTuple):
    """Pairs of images, first < second, and the pose that they are most alike in."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    pose: NDArray[np.intp]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Pairs:
        """Choose some of the pairs."""
        return Pairs(self.first[chosen], self.second[chosen], self.pose[chosen])


def _poses() -> list[tuple[Window, Window]]:
    """List the pairs of windows: either image a crop of the other, or both shifted apart."""
    whole = Window(0, 1, 0, 1)
    crops = [Window(z, 1 - z, z, 1 - z) for z in (0.05, 0.1)]
    low, high, all_ = (0.13, 1.0), (0.0, 0.87), (0.0, 1.0)
    crops += [Window(*low, *all_), Window(*high, *all_), Window(*all_, *low), Window(*all_, *high)]
    late, early = (0.08, 1.0), (0.0, 0.92)
    crops += [Window(*rows, *columns) for rows in (late, early) for columns in (late, early)]
    poses = [(whole, whole)]
    for crop in crops:
        poses += [(crop, whole), (whole, crop)]
    late, early = (0.05, 1.0), (0.0, 0.95)
    ways = ((all_, all_), (late, early), (early, late))
    poses += [
        (Window(*down[0], *across[0]), Window(*down[1], *across[1]))
        for down in ways
        for across in ways
        if down is not ways[0] or across is not ways[0]
    ]
    return poses


POSES = _poses()
WINDOWS = list(dict.fromkeys(window for pose in POSES for window in pose))


def local_contrast(descriptors: Descriptor, sigma: float) -> Contrast:
    """Take out the tones: each pixel less its surroundings' mean, over their deviation.

    Args:
        descriptors: (n, SIDE, SIDE).
        sigma: Standard deviation of the Gaussian surroundings, in sides.
    """
    blur = _blur(sigma * SIDE)
    grey = descriptors.astype(np.float32)
    grey -= blur @ grey @ blur.T
    variance = blur @ (grey * grey) @ blur.T
    contrast: Contrast = grey / np.sqrt(variance + np.float32(_NOISE**2))
    return contrast


@functools.cache
def _blur(sigma: float) -> NDArray[np.float32]:
    """Return the (SIDE, SIDE) matrix that blurs an axis; rows sum to 1 at the edges too."""
    at = np.arange(SIDE)
    weights = np.exp(-((at[:, None] - at) ** 2) / (2 * sigma**2))
    means = weights / weights.sum(axis=1, keepdims=True)
    return np.asarray(means, np.float32)


@functools.cache
def _cut(start: float, end: float) -> NDArray[np.float32]:
    """Return the (CELLS, SIDE) matrix of means over equal parts of [start, end] of an axis."""
    edges = (start + (end - start) * np.arange(CELLS + 1) / CELLS) * SIDE
    at = np.arange(SIDE)
    ends, starts = np.minimum(edges[1:, None], at + 1), np.maximum(edges[:-1, None], at)
    overlap = (ends - starts).clip(0)
    means = overlap / overlap.sum(axis=1, keepdims=True)
    return np.asarray(means, np.float32)


def seen_through(window: Window, contrast: Contrast) -> NDArray[np.float32]:
    """Return what a window shows: (n, CELLS * CELLS) of mean 0 and unit norm."""
    rows, columns = _cut(window.top, window.bottom), _cut(window.left, window.right)
    cells = (rows @ contrast @ columns.T).reshape(len(contrast), CELLS**2)
    cells = cells - cells.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(cells, axis=1, keepdims=True)
    seen: NDArray[np.float32] = cells / np.maximum(norms, np.float32(1e-6))
    return seen


Views = dict[Window, NDArray[np.float16]]


def views_of(descriptors: Descriptor) -> Views:
    """See each image through each window, some images at a time."""
    views = {window: np.empty((len(descriptors), CELLS**2), np.float16) for window in WINDOWS}
    for start in range(0, len(descriptors), _ROWS_AT_ONCE):
        some = slice(start, start + _ROWS_AT_ONCE)
        contrast = local_contrast(descriptors[some], _COARSE)
        for window, seen in views.items():
            seen[some] = seen_through(window, contrast)
    return views


def shortlist(views: Views, num_asked: int) -> Iterator[tuple[int, Pairs]]:
    """List for each of the first images its most alike later ones.

    Args:
        views: Of all images.
        num_asked: How many images, the first ones, are compared with all that follow them.

    Yields:
        How many of these have been begun, and the pairs found.
    """
    num_images = len(views[WINDOWS[0]])
    for start in range(0, num_asked, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, num_asked)
        listed = [
            _partners(views, slice(start, stop), slice(left, left + _COLUMNS_AT_ONCE))
            for left in range(start, num_images, _COLUMNS_AT_ONCE)
        ]
        correlation, second = (np.concatenate(part, axis=1) for part in zip(*listed, strict=True))
        best = np.argsort(-correlation, axis=1)[:, :PARTNERS]
        correlation = np.take_along_axis(correlation, best, axis=1)
        second = np.take_along_axis(second, best, axis=1)
        rows, places = np.nonzero(correlation > MIN_CORRELATION)
        pose = correlation.view(np.int32)[rows, places] & _POSE_BITS
        yield stop, Pairs(rows + start, second[rows, places], pose.astype(np.intp))


def _partners(
    views: Views, rows: slice, columns: slice
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Find the columns that each row is most alike, whatever their order.

    The best of 29 poses is kept by its correlation alone, with the pose in its lowest bits:
    positive floats are in the order of their bits.
    """
    num_rows = rows.stop - rows.start
    width = len(views[WINDOWS[0]][columns])
    best = np.zeros((num_rows, width), np.float32)
    product = np.empty_like(best)
    bits, best_bits = product.view(np.int32), best.view(np.int32)
    asked = {window: seen[rows].astype(np.float32) for window, seen in views.items()}
    among = {window: seen[columns].astype(np.float32) for window, seen in views.items()}
    for number, (one, other) in enumerate(POSES):
        np.dot(asked[one], among[other].T, out=product)
        np.abs(product, out=product)
        bits &= ~_POSE_BITS
        bits |= number
        np.maximum(best_bits, bits, out=best_bits)
    if columns.start == rows.start:  # each pair once, and no image with itself
        best[np.tril_indices(num_rows, 0, width)] = 0
    num = min(PARTNERS, width)
    found = np.argpartition(-best, num - 1, axis=1)[:, :num]
    return np.take_along_axis(best, found, axis=1), found + columns.start
