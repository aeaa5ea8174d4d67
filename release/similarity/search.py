"""Exact nearest neighbours by matrix product, block by block, in constant memory."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from release.similarity.metric import Neighbours, Patients, Vectors

QUERIES_AT_ONCE = 512
IMAGES_AT_ONCE = 8192  # by as many queries: 16 MiB of correlations


def nearest(
    queries: Vectors, among: Vectors, k: int, *, apart: Patients | None = None
) -> Neighbours:
    """Find the k rows of `among` nearest to each query, at distance 1 - correlation.

    Args:
        queries: (q, d); every row is of unit norm, or zero, which lies at distance 1 from
            everything.
        among: (n, d), likewise.
        k: How many neighbours; at least 1.
        apart: Patients of the queries, (q,), and of `among`, (n,): equal ones are no neighbours.
    """
    if k < 1:
        raise ValueError(f"At least 1 neighbour is to be found, not {k}.")
    blocks = [
        _nearest(
            torch.from_numpy(queries[start : start + QUERIES_AT_ONCE]),
            among,
            k,
            apart and (apart[0][start : start + QUERIES_AT_ONCE], apart[1]),
        )
        for start in range(0, len(queries), QUERIES_AT_ONCE)
    ]
    if not blocks:
        return Neighbours(np.empty((0, k), np.float32), np.empty((0, k), np.int64))
    correlations, indices = (torch.cat(parts).numpy() for parts in zip(*blocks, strict=True))
    missing = np.isneginf(correlations)
    # rounding takes the correlation of equal images a little past 1
    distances = np.where(missing, np.inf, np.clip(1 - correlations, 0, 2))
    return Neighbours(distances.astype(np.float32), np.where(missing, -1, indices))


def _nearest(
    queries: Tensor, among: Vectors, k: int, apart: Patients | None
) -> tuple[Tensor, Tensor]:
    """Return the k highest correlations of each query, (q, k), and where they are found."""
    best = torch.full((len(queries), k), -torch.inf)
    places = torch.full((len(queries), k), -1)
    for start in range(0, len(among), IMAGES_AT_ONCE):
        images = torch.from_numpy(among[start : start + IMAGES_AT_ONCE])
        found = queries @ images.T  # (q, images)
        if apart is not None:
            theirs = apart[1][start : start + IMAGES_AT_ONCE]
            found.masked_fill_(torch.from_numpy(apart[0][:, None] == theirs), -torch.inf)
        found, place = found.topk(min(k, len(images)))
        best, order = torch.cat([best, found], 1).topk(k)
        places = torch.cat([places, place + start], 1).gather(1, order)
    return best, places
