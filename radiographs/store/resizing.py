"""Area downsampling: a stored pixel is the mean of the image's area that it covers.

Pillow's BOX filter weighs whole pixels by their centres, which is no area mean unless the
factor is an integer; so we take the exact one.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from radiographs.store.pixels import Pixels

Fit = Literal["pad", "crop", "stretch"]


def fitted_shape(height: int, width: int, size: int, fit: Fit) -> tuple[int, int]:
    """Return rows and columns that an image of this shape takes at `size`, before any cropping."""
    if fit == "stretch":
        return size, size
    scale = size / (max if fit == "pad" else min)(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def reaches(height: int, width: int, size: int, fit: Fit) -> bool:
    """Say whether an image has the pixels for `size`, so that nothing is made up."""
    rows, columns = fitted_shape(height, width, size, fit)
    return rows <= height and columns <= width


def to_square(pixels: Pixels | NDArray[np.float32], size: int, fit: Fit) -> NDArray[np.float32]:
    """Bring an image to size x size, in its own units.

    Args:
        pixels: An image.
        size: Side of the result.
        fit: pad keeps the aspect and adds black bars; crop keeps it and cuts the longer side
            to its middle; stretch does not keep it.
    """
    height, width = pixels.shape
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        pixels = pixels[top : top + side, left : left + side]
    height, width = pixels.shape
    rows, columns = fitted_shape(height, width, size, fit)
    top, left = (size - rows) // 2, (size - columns) // 2
    square = np.zeros((size, size), np.float32)
    square[top : top + rows, left : left + columns] = area_mean(pixels, rows, columns)
    return square


def area_mean(pixels: Pixels | NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Resample an image: mean over each new pixel's area; an axis that grows is interpolated."""
    narrow = np.ascontiguousarray(_resample_rows(pixels, rows).T)  # (width, rows)
    return np.ascontiguousarray(_resample_rows(narrow, columns).T)


def _resample_rows(pixels: Pixels | NDArray[np.float32], new_length: int) -> NDArray[np.float32]:
    """Resample the first axis: each new row is a sum of old ones, each with its weight."""
    values = pixels.astype(np.float32, copy=False)
    if new_length == len(pixels):
        return values
    resampled: NDArray[np.float32] = _weights(len(pixels), new_length) @ values
    return resampled


@functools.lru_cache(maxsize=256)
def _weights(length: int, new_length: int) -> csr_array[np.float32]:
    """Return the share of each old row in each new one, (new_length, length).

    Shrinking, row k is the mean over [k, k + 1) * length / new_length; growing, it is
    interpolated linearly between the two nearest centres.
    """
    new = np.arange(new_length)
    if new_length < length:
        edges = np.arange(new_length + 1) * length / new_length
        taken = new * length // new_length + np.arange(length // new_length + 2)[:, None]
        overlap = np.minimum(edges[1:], taken + 1) - np.maximum(edges[:-1], taken)
        weights = overlap.clip(0) * new_length / length
    else:
        centres = ((new + 0.5) * length / new_length - 0.5).clip(0, length - 1)
        taken = centres.astype(np.intp) + np.arange(2)[:, None]
        weights = 1 - np.abs(centres - taken)
    rows = np.broadcast_to(new, taken.shape)
    used = weights > 0
    shares = (weights[used].astype(np.float32), (rows[used], taken[used]))
    return csr_array(shares, shape=(new_length, length))


def block_mean(images: Pixels | NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Shrink images, (n, size, size), by an integer factor: means of factor x factor blocks."""
    num_images, size, _ = images.shape
    blocks = images.reshape(num_images, size // factor, factor, size // factor, factor)
    means: NDArray[np.float32] = blocks.mean(axis=(2, 4), dtype=np.float32)
    return means
