"""What an attacker who holds a set asks of an image: how likely was it trained on?

Distances from a real image x to synthetic images s are in units of the density of real images
around x, those of T and H alike, x's patient left out. So whether x was trained on enters through
the synthetic images alone, and under an honest set members and others score exchangeably.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from release.data import SMALLEST, Array

if TYPE_CHECKING:  # it imports torch, and an ingest needs the number of attacks alone
    from release.similarity.knn import Neighbours

NUM_NEIGHBOURS = 16  # synthetic images that are listed around an image: some may be dropped
MIN_NEIGHBOURS = 10  # that the scores need
NUM_ATTACKS = 3  # scores that each metric gives


def attack_scores(neighbours: Neighbours, density: Array) -> Mapping[str, Array]:
    """Score real images; the higher, the more likely trained on.

    - nearest: -min d(x, s) / dens(x). Chen et al. 2020, equation 3 (arXiv:1909.03935).
    - ratio: log of the density of synthetic over that of real images around x, both by the mean
      distance to the nearest ones. Van Breugel et al. 2023, equation 4 (arXiv:2302.12580).
    - monte_carlo: -1/n of the sum of log d(x, s) over the s within epsilon, distances in units of
      epsilon, which is the median over x of the smallest distance. Hilprecht et al. 2019,
      equations 6 and 8 (Proceedings on Privacy Enhancing Technologies 2019(4), 232-249).

    Args:
        neighbours: Synthetic images nearest to each x.
        density: (q,), of real images around each x.
    """
    relative = neighbours.distances.astype(np.float64) / density[:, None]
    relative = np.maximum(relative, SMALLEST)
    among = relative[:, : min(MIN_NEIGHBOURS, relative.shape[1])]
    epsilon = np.median(relative[:, 0])
    within = np.minimum(relative / epsilon, 1.0)
    return {
        "nearest": -relative[:, 0],
        "ratio": -np.log(among.mean(1)),
        "monte_carlo": -np.log(within).mean(1),
    }
