"""How much nearer the training images are to an image than other real images are.

An image that is blurred, or typical, agrees with many; so its distance to the nearest training
image is divided by its mean distance to the other patients' images that were laid over it:

    c = d(q, T) / mean of d(q, x) over x of other patients than the nearest one.

References: Lowe 2004, section 7.1, for the ratio (doi:10.1023/B:VISI.0000029664.99615.94).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.data import SMALLEST, Array
from release.similarity.copy_search import WAYS, Aligned

TYPICAL = 0.5  # distance to other patients' images, where none of them was laid over an image
FARTHEST = 1.0 / SMALLEST  # closeness where no training image was


def closeness(
    aligned: Aligned, patients: NDArray[np.int64], trained: NDArray[np.bool_]
) -> dict[str, Array]:
    """Measure closeness in each of `WAYS`, (n,) each: 0 for a copy, about 0.6 for a new image.

    Args:
        aligned: Real images that n images were laid over.
        patients: (real images,).
        trained: (real images,), which are training images.
    """
    found = aligned.places >= 0
    places = np.where(found, aligned.places, 0)
    rows = np.arange(len(places))
    of_training = found & trained[places]
    by_way = {}
    for way, name in enumerate(WAYS):
        distances = aligned.distances[:, :, way].astype(np.float64)
        to_training = np.where(of_training, distances, np.inf)
        nearest = to_training.argmin(1)
        theirs = patients[places[rows, nearest]]
        others = found & (patients[places] != theirs[:, None])
        num = others.sum(1)
        total = np.where(others, distances, 0.0).sum(1)
        usual = np.where(num > 0, total / np.maximum(num, 1), TYPICAL)
        ratio = to_training[rows, nearest] / np.maximum(usual, SMALLEST)
        by_way[name] = np.where(of_training.any(1), ratio, FARTHEST)
    return by_way
