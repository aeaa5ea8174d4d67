"""Precision, recall, density and coverage: whose neighbourhood does an image fall in?

An image's neighbourhood is the ball that reaches to its k-th nearest image of its own set. The
distances are taken a block of rows at a time, so memory grows with the number of images and not
with its square.

References: Kynkäänniemi et al. 2019, equations 1 and 2 (arXiv:1904.06991); Naeem et al. 2020,
equations 3, 8 and 9 (arXiv:2002.09797).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_NEIGHBOURS = 5
ENTRIES_AT_ONCE = 4_000_000  # distances held in memory: 32 MB

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Neighbourhoods:
    """The four measures, image by image; each measure is the mean of its row.

    Attributes:
        precision: (m,), whether the synthetic image lies in the neighbourhood of a real one.
        recall: (n,), whether the real image lies in the neighbourhood of a synthetic one.
        density: (m,), in how many real neighbourhoods the synthetic image lies, over k.
        coverage: (n,), whether a synthetic image lies in the neighbourhood of the real one.
    """

    precision: NDArray[np.bool_]
    recall: NDArray[np.bool_]
    density: Array
    coverage: NDArray[np.bool_]


def neighbourhoods(
    real: Array, synthetic: Array, num_neighbours: int = NUM_NEIGHBOURS
) -> Neighbourhoods:
    """Compare two sets of points.

    Args:
        real: (n, d), features of more than k images.
        synthetic: (m, d), likewise, in the same space.
        num_neighbours: k.
    """
    real_reach, synthetic_reach = (reach(each, num_neighbours) for each in (real, synthetic))
    num_around = np.zeros(len(synthetic))
    recalled = np.zeros(len(real), np.bool_)
    nearest = np.full(len(real), np.inf)
    for rows, squared in _blocks(synthetic, real):
        num_around[rows] = (squared < real_reach).sum(1)
        recalled |= (squared < synthetic_reach[rows, None]).any(0)
        np.minimum(nearest, squared.min(0), out=nearest)
    return Neighbourhoods(
        precision=num_around > 0,
        recall=recalled,
        density=num_around / num_neighbours,
        coverage=nearest < real_reach,
    )


def reach(points: Array, num_neighbours: int) -> Array:
    """Square the distance of each point to its k-th nearest other point, (n,).

    Raises:
        ValueError: There are not more than k points.
    """
    if len(points) <= num_neighbours:
        raise ValueError(f"{len(points)} images have no {num_neighbours} neighbours each.")
    found = np.empty(len(points))
    for rows, squared in _blocks(points, points):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf
        found[rows] = np.partition(squared, num_neighbours - 1, axis=1)[:, num_neighbours - 1]
    return found


def _blocks(x: Array, y: Array) -> Iterator[tuple[slice, Array]]:
    """Square the distances of all points y to some rows of x after the other."""
    lengths = np.square(y).sum(1)
    step = max(1, ENTRIES_AT_ONCE // len(y))
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        squared = x[rows] @ y.T
        squared *= -2
        squared += np.square(x[rows]).sum(1)[:, None]
        squared += lengths
        yield rows, squared
