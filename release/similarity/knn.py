"""How near is near: distances in units of what is usual around an image.

An absolute distance says little. A typical or blurred image is near to everything, an unusual one
is far from its own copy. So the distance to the nearest training image is divided by the mean
distance to the nearest real images, dens(q), which grows and shrinks with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.similarity.metric import Neighbours

NUM_NEAREST = 10  # real images by which closeness to T is measured: few, since it is a local matter
Array = NDArray[np.float64]
SMALLEST = 1e-9  # of a distance: keeps ratios finite where images are equal


class UnfitMetric(ValueError):
    """A metric gave distances that are no numbers."""


def checked(neighbours: Neighbours) -> Neighbours:
    """Return the neighbours, all of whose distances are numbers.

    Raises:
        UnfitMetric: A distance is NaN, negative, or infinite though there is a neighbour.
    """
    found = neighbours.indices >= 0
    distances = neighbours.distances[found]
    if not (np.isfinite(distances) & (distances >= 0)).all():
        raise UnfitMetric(
            "A metric gave a distance that is no number: expected finite ones of at least 0. "
            "Look for images that are NaN or infinite in its embedding."
        )
    return neighbours


def num_common(neighbours: Neighbours) -> int:
    """How many neighbours every query has: a density needs as many for each."""
    return int((neighbours.indices >= 0).sum(1).min(initial=neighbours.indices.shape[1]))


def density(neighbours: Neighbours, k: int) -> Array:
    """Mean distance to the k nearest images, (q,), positive: small where images are dense."""
    mean: Array = neighbours.distances[:, :k].astype(np.float64).mean(1)
    return np.maximum(mean, SMALLEST)


def nearest_among(neighbours: Neighbours, member: NDArray[np.bool_]) -> Array:
    """Distance to the nearest of some of the images, (q,); infinite where none is listed.

    Args:
        neighbours: Found among all images.
        member: Which of these images count.
    """
    counts = member[neighbours.indices] & (neighbours.indices >= 0)
    first = counts.argmax(1)
    rows = np.arange(len(first))
    distances = neighbours.distances[rows, first].astype(np.float64)
    nearest: Array = np.where(counts[rows, first], distances, np.inf)
    return nearest


def within(neighbours: Neighbours, member: NDArray[np.bool_]) -> Neighbours:
    """Keep, of the neighbours, some of the images; others leave room at the end of the row.

    Args:
        neighbours: Found among all images.
        member: Which of these images are kept.
    """
    kept = member[neighbours.indices] & (neighbours.indices >= 0)
    order = np.argsort(~kept, axis=1, kind="stable")
    kept = np.take_along_axis(kept, order, 1)
    distances = np.take_along_axis(neighbours.distances, order, 1)
    indices = np.take_along_axis(neighbours.indices, order, 1)
    return Neighbours(
        np.where(kept, distances, np.inf).astype(np.float32), np.where(kept, indices, -1)
    )
