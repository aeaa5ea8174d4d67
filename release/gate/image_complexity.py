"""Take from a model's scores what any model would make of the images.

Smooth images are easy for every model: they score high whether trained on or not, and that spread
hides what training adds. A line through the scores of all patients, blind to who was trained on,
says what to expect of an image of its class and as busy as it is; the residual is more informative.
Since the line is blind to the inclusion, tests of inclusion stay exact.

Reference: Watson et al. 2022 (arXiv:2111.08440), whose second model the line stands in for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.data import Array, Pixels

MIN_SIDE = 2  # of the coarsest means
LEAST_ENERGY = 1e-2  # of grey levels squared


def complexity(pixels: Pixels, labels: NDArray[np.int64]) -> Array:
    """Describe images without any model: class, brightness, and how busy they are at each scale.

    Args:
        pixels: (n, size, size), size a power of two.
        labels: (n,).

    Returns:
        (n, k): an indicator of each class, the mean, and the logarithm and its square of the energy
        between each two levels of a pyramid of means.
    """
    level: Array = pixels.astype(np.float64)
    logs = []
    while level.shape[1] > MIN_SIDE:
        n, side, _ = level.shape
        coarser = level.reshape(n, side // 2, 2, side // 2, 2).mean((2, 4))
        detail = level - coarser.repeat(2, axis=1).repeat(2, axis=2)
        logs.append(np.log(np.square(detail).mean((1, 2)) + LEAST_ENERGY))
        level = coarser
    energies = np.stack(logs, 1)
    classes = labels[:, None] == np.unique(labels)
    return np.column_stack([classes, level.mean((1, 2)), energies, energies**2])


def calibrated(scores: Array, described: Array) -> Array:
    """Return what a line through all scores, (n,), leaves unexplained by a description, (n, k)."""
    coefficients = np.linalg.lstsq(described, scores, rcond=None)[0]
    rest: Array = scores - described @ coefficients
    return rest
