"""Whether two images show one radiograph: laid over each other, part by part.

An affine map lays the second image over the first (Gauss-Newton, inverse compositional: Baker
and Matthews, IJCV 56, 2004), with the tones taken out and large differences cut, so that a
marker does not pull. Then the two are compared in 36 blocks, and the median of the blocks'
correlations decides: what is written, framed or cut in up to half of the blocks does not count.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from radiographs.duplicates.contrast import Contrast

Affine = NDArray[np.float32]  # (n, 2, 3): where a pixel of one image lies in the other

_BLOCKS = 6  # a side
_MIN_BLOCKS = 9
_MIN_CONTRAST = 0.15  # variance of the local contrast: emptier blocks say nothing
_MIN_COVERED = 0.6  # of a block
_CUT = 1.5  # differences in local contrast beyond this count as this
_PRIOR = 1e-3
_MIRROR = np.array([[1, 0, 0], [0, -1, 1], [0, 0, 1]], np.float32)


def unmoved(num_pairs: int) -> Affine:
    """Return maps that lay images over each other as they are."""
    return np.tile(np.eye(2, 3, dtype=np.float32), (num_pairs, 1, 1))


def register(
    first: Contrast, second: Contrast, sign: NDArray[np.float32], maps: Affine, num_steps: int
) -> Affine:
    """Improve the maps that lay each second image over its first.

    Args:
        first: Local contrast of some images, (n, side, side); six blocks divide the side.
        second: Of as many others.
        sign: -1 where one of the two is inverted, else 1.
        maps: Where to begin.
        num_steps: Of Gauss-Newton.
    """
    side = second.shape[1]
    y, x = _grid(side)
    down, across = (np.gradient(second, axis=axis) * np.float32(side) for axis in (1, 2))
    slopes = np.stack([down * y, down * x, down, across * y, across * x, across], axis=1).reshape(
        len(second), 6, side**2
    )
    prior = np.float32(_PRIOR * side**2) * np.eye(6, dtype=np.float32)
    whole = np.zeros((len(second), 3, 3), np.float32)
    whole[:, 2, 2] = 1
    step = np.zeros_like(whole)
    for _ in range(num_steps):
        warped, inside = _warped(first, maps)
        error = (sign[:, None, None] * warped - second).clip(-_CUT, _CUT) * inside
        weighed = slopes * inside.reshape(len(second), 1, side**2)
        curvature = weighed @ slopes.transpose(0, 2, 1) + prior
        change = np.linalg.solve(curvature, slopes @ error.reshape(len(second), side**2, 1))
        whole[:, :2] = maps
        step[:] = np.eye(3, dtype=np.float32)
        step[:, :2] += change.reshape(-1, 2, 3)
        maps = (whole @ np.linalg.inv(step))[:, :2]
    return maps


def enlarges(maps: Affine) -> NDArray[np.bool_]:
    """Say which maps lay a larger area of the first image under the second."""
    return np.asarray(np.linalg.det(maps[:, :, :2]) > 1)


def reversed_maps(maps: Affine, mirrored: NDArray[np.bool_]) -> Affine:
    """Return the maps that lay each first image over its second, mirrored as this one was."""
    whole = np.tile(np.eye(3, dtype=np.float32), (len(maps), 1, 1))
    whole[:, :2] = maps
    mirror = np.where(mirrored[:, None, None], _MIRROR, np.eye(3, dtype=np.float32))
    return np.asarray((mirror @ np.linalg.inv(whole) @ mirror)[:, :2], np.float32)


def correlation(first: Contrast, second: Contrast) -> NDArray[np.float32]:
    """Return the correlation of images as they lie, -1 to 1."""
    one, other = (images.reshape(len(images), -1) for images in (first, second))
    one = one - one.mean(axis=1, keepdims=True)
    other = other - other.mean(axis=1, keepdims=True)
    norms = np.sqrt((one * one).sum(axis=1) * (other * other).sum(axis=1) + 1e-6)
    return np.asarray((one * other).sum(axis=1) / norms, np.float32)


def agreement(
    first: Contrast, second: Contrast, sign: NDArray[np.float32], maps: Affine
) -> NDArray[np.float32]:
    """Return the median correlation of the blocks of registered images, -1 to 1.

    0 where fewer than nine blocks lie in both images and show anything.
    """
    warped, inside = _warped(first, maps)
    weight = _in_blocks(inside)
    one, other = _in_blocks(warped * sign[:, None, None]), _in_blocks(second)
    covered = weight.sum(axis=2)
    num = covered.clip(1)
    one = (one - ((one * weight).sum(axis=2) / num)[..., None]) * weight
    other = (other - ((other * weight).sum(axis=2) / num)[..., None]) * weight
    of_one, of_other = (one * one).sum(axis=2), (other * other).sum(axis=2)
    correlation = (one * other).sum(axis=2) / np.sqrt(of_one * of_other + 1e-6)
    counts = covered > _MIN_COVERED * weight.shape[2]
    counts &= np.minimum(of_one, of_other) > _MIN_CONTRAST * num
    return _median(correlation, counts)


def _median(values: NDArray[np.float32], counts: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the lower median of each row's values that count; 0 where these are too few."""
    num = counts.sum(axis=1)
    in_order = np.sort(np.where(counts, values, np.inf), axis=1)
    middle = in_order[np.arange(len(values)), (num - 1).clip(0) // 2]
    median: NDArray[np.float32] = np.where(num >= _MIN_BLOCKS, middle, 0).astype(np.float32)
    return median


def _in_blocks(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut (n, side, side) into (n, blocks, pixels)."""
    side = images.shape[1] // _BLOCKS
    blocks = images.reshape(len(images), _BLOCKS, side, _BLOCKS, side).transpose(0, 1, 3, 2, 4)
    return blocks.reshape(len(images), _BLOCKS**2, side**2)


@functools.cache
def _grid(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return where the centres of pixels lie, down and across, in shares of the side."""
    y, x = (((axis + 0.5) / side).astype(np.float32) for axis in np.mgrid[:side, :side])
    return y, x


def _warped(images: Contrast, maps: Affine) -> tuple[Contrast, NDArray[np.float32]]:
    """Sample images where the maps say, bilinearly; and 1 where that lies inside, else 0."""
    num, side, _ = images.shape
    down, across = _grid(side)
    y, x = (
        (maps[:, axis, :1, None] * down + maps[:, axis, 1:2, None] * across)
        + (maps[:, axis, 2:, None] - np.float32(0.5 / side))
        for axis in (0, 1)
    )
    y, x = y * side, x * side
    inside = (y >= 0) & (y <= side - 1) & (x >= 0) & (x <= side - 1)
    top = y.clip(0, side - 2).astype(np.int32)
    left = x.clip(0, side - 2).astype(np.int32)
    down, across = (y - top).clip(0, 1), (x - left).clip(0, 1)
    at = top * side + left + (np.arange(num, dtype=np.int32) * side**2)[:, None, None]
    flat = images.reshape(-1)
    upper, lower = flat[at], flat[at + side]
    upper += across * (flat[at + 1] - upper)
    lower += across * (flat[at + side + 1] - lower)
    upper += down * (lower - upper)
    return upper, inside.astype(np.float32)
