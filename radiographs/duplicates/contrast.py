"""Local contrast: an image without its tones.

Gamma, contrast and equalisation change it little, and inversion only its sign.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from radiographs.duplicates.descriptor import SIDE, Descriptor

_NOISE = 6.0  # grey values: fainter contrast is not raised

Contrast = NDArray[np.float32]  # (n, side, side)


def local_contrast(descriptors: Descriptor, sigma: float) -> Contrast:
    """Take out the tones: each pixel less its surroundings' mean, over their deviation.

    Args:
        descriptors: (n, SIDE, SIDE).
        sigma: Standard deviation of the Gaussian surroundings, in sides.
    """
    blur = blurring(sigma)
    grey = descriptors.astype(np.float32)
    grey -= blur @ grey @ blur.T
    variance = blur @ (grey * grey) @ blur.T
    contrast: Contrast = grey / np.sqrt(variance + np.float32(_NOISE**2))
    return contrast


@functools.cache
def blurring(sigma: float) -> NDArray[np.float32]:
    """Return the (SIDE, SIDE) matrix that blurs an axis; rows sum to 1 at the edges too.

    Args:
        sigma: Standard deviation, in sides.
    """
    at = np.arange(SIDE)
    weights = np.exp(-((at[:, None] - at) ** 2) / (2 * (sigma * SIDE) ** 2))
    means = weights / weights.sum(axis=1, keepdims=True)
    return np.asarray(means, np.float32)
