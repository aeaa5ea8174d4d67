"""How close an image stands to its nearest training image, relative to other near ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.real_images import Pixels

SIDE = 32
MARGIN = 1  # pixels of 32: a copy that is shifted this far is still found
NUM_NEIGHBOURS = 50


def closeness(images: Pixels, training: Pixels) -> NDArray[np.float64]:
    """Divide each image's distance to its nearest training image by that to the 50 next ones.

    A copy comes near 0. An image that is only smooth, or only typical, is near to everything and
    comes near 1, where the distance alone would call it a copy. The distance is 1 - correlation
    at 32 px, the smallest over shifts of a pixel.

    Args:
        images: (n, size, size).
        training: (m, size, size), at least two images.

    Returns:
        (n,), in [0, 1].

    Reference: Carlini et al. 2023, equation 1 and what follows (arXiv:2301.13188).
    """
    inner = slice(MARGIN, SIDE - MARGIN)
    known = _normalised(_shrunk(training)[:, inner, inner])
    small = _shrunk(images)
    side = SIDE - 2 * MARGIN
    correlation = np.full((len(images), len(training)), -1.0, np.float32)
    for row in range(2 * MARGIN + 1):
        for column in range(2 * MARGIN + 1):
            window = small[:, row : row + side, column : column + side]
            np.maximum(correlation, _normalised(window) @ known.T, out=correlation)
    num_nearest = min(len(training), 1 + NUM_NEIGHBOURS)
    nearest = np.sort(1 - np.partition(correlation, -num_nearest, 1)[:, -num_nearest:], 1)
    nearest = np.maximum(nearest.astype(np.float64), 1e-6)
    ratio: NDArray[np.float64] = nearest[:, 0] / nearest[:, 1:].mean(1)
    return ratio


def _shrunk(pixels: Pixels) -> NDArray[np.float32]:
    n, size, _ = pixels.shape
    if size % SIDE:
        raise ValueError(f"Images are compared at {SIDE} px: {size} px is no multiple of it.")
    step = size // SIDE
    blocks = pixels.reshape(n, SIDE, step, SIDE, step)
    small: NDArray[np.float32] = blocks.mean((2, 4), dtype=np.float32)  # (n, 32, 32)
    return small


def _normalised(images: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = flat / np.maximum(norms, 1e-6)
    return scaled
