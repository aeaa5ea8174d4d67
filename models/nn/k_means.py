"""Clusters of points: each point belongs to the nearest centre, each centre is its points' mean."""

from __future__ import annotations

import torch
from torch import Tensor

MAX_STEPS = 50


def k_means(points: Tensor, num_clusters: int, min_points: int, rng: torch.Generator) -> Tensor:
    """Give each of (n, d) points the number of its cluster, (n,), from 0 and without a gap.

    Args:
        points: n at least `num_clusters`.
        num_clusters: How many to begin with.
        min_points: Clusters of fewer are dissolved among the others, the smallest first; at least
            1. A cluster that is alone stays.
        rng: Chooses where the centres begin.

    Reference: Lloyd 1982 (doi:10.1109/TIT.1982.1056489).
    """
    centres = spread_out(points, num_clusters, rng)
    while True:
        centres = _settled(points, centres)
        clusters = nearest(points, centres)
        counts = clusters.bincount(minlength=len(centres))
        if len(centres) == 1 or counts.min() >= min_points:
            return clusters
        centres = centres[torch.arange(len(centres)) != counts.argmin()]


def spread_out(points: Tensor, num_centres: int, rng: torch.Generator) -> Tensor:
    """Choose points far from each other.

    Reference: k-means++, Arthur & Vassilvitskii 2007.
    """
    chosen = torch.randint(len(points), (1,), generator=rng)
    for _ in range(num_centres - 1):
        distances = torch.cdist(points, points[chosen]).amin(1).square()
        chosen = torch.cat([chosen, torch.multinomial(distances + 1e-12, 1, generator=rng)])
    return points[chosen]


def nearest(points: Tensor, centres: Tensor) -> Tensor:
    """Number the nearest of (k, d) centres of each of (n, d) points, (n,)."""
    return torch.cdist(points, centres).argmin(1)


def _settled(points: Tensor, centres: Tensor) -> Tensor:
    """Move centres to the means of their points until they stand still, or nearly."""
    for _ in range(MAX_STEPS):
        clusters = nearest(points, centres)
        counts = clusters.bincount(minlength=len(centres))[:, None]
        sums = torch.zeros_like(centres).index_add_(0, clusters, points)
        moved = torch.where(counts > 0, sums / counts, centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres
