"""Coverage: how much of the real films' variety a set of synthetic ones reaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NUM_NEIGHBOURS = 5

Array = NDArray[np.float64]


def coverage(real: Array, synthetic: Array, num_neighbours: int = NUM_NEIGHBOURS) -> float:
    """Count the real films that have a synthetic one in their neighbourhood.

    A film's neighbourhood reaches to its k-th nearest real film. A generator that draws few films,
    however good, leaves most neighbourhoods empty; as many fresh real films would leave about
    1 / 2^k of them so.

    Args:
        real: (n, d), features of more than k films.
        synthetic: (m, d), in the same space; m about n.
        num_neighbours: k.

    Returns:
        The share, in [0, 1].

    Reference: Naeem et al. 2020, eq. 9 (arXiv:2002.09797).
    """
    among_real = _squared_distances(real, real)
    np.fill_diagonal(among_real, np.inf)
    reach = np.partition(among_real, num_neighbours - 1, axis=1)[:, num_neighbours - 1]
    nearest = _squared_distances(real, synthetic).min(1)
    return float((nearest < reach).mean())


def _squared_distances(x: Array, y: Array) -> Array:
    products = x @ y.T
    squared: Array = np.square(x).sum(1)[:, None] + np.square(y).sum(1) - 2 * products
    return squared
