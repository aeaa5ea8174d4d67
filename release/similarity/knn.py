"""k nearest neighbours, and how dense images are around an image.

An absolute distance says little. A typical or blurred image is near to everything, an unusual one
is far from its own copy. So distances are divided by the mean distance to the nearest real images,
dens(q), which grows and shrinks with them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from release.data import SMALLEST, Array

NUM_NEAREST = 10  # real images by which closeness is measured: few, since it is a local matter

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]


class InvalidDistances(ValueError):
    """A metric returned NaN, infinite or negative distances."""


class Neighbours(NamedTuple):
    """The images nearest to each of q queries, nearest first.

    Attributes:
        distances: (q, k), in [0, 2] where they are 1 - correlation; infinite where there are fewer
            than k.
        indices: (q, k), each neighbour's place among the images searched; -1 where there are fewer.
    """

    distances: Vectors
    indices: Places

    @classmethod
    def ordered(cls, distances: Vectors, indices: Places, k: int) -> Neighbours:
        """Keep the k nearest of each row of candidates."""
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        return cls(np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1))

    def of(self, queries: NDArray[np.bool_]) -> Neighbours:
        """Keep the neighbours of some of the queries."""
        return Neighbours(self.distances[queries], self.indices[queries])

    def among(self, chosen: NDArray[np.bool_]) -> Neighbours:
        """Keep some of the images searched; the others leave room at the end of each row."""
        kept = chosen[self.indices] & (self.indices >= 0)
        order = np.argsort(~kept, axis=1, kind="stable")
        kept = np.take_along_axis(kept, order, 1)
        distances = np.take_along_axis(self.distances, order, 1)
        indices = np.take_along_axis(self.indices, order, 1)
        return Neighbours(
            np.where(kept, distances, np.inf).astype(np.float32), np.where(kept, indices, -1)
        )

    def nearest_among(self, chosen: NDArray[np.bool_]) -> Array:
        """Distance to the nearest of some of the images, (q,); infinite where none is listed."""
        counts = chosen[self.indices] & (self.indices >= 0)
        first = counts.argmax(1)
        rows = np.arange(len(first))
        distances = self.distances[rows, first].astype(np.float64)
        nearest: Array = np.where(counts[rows, first], distances, np.inf)
        return nearest

    @property
    def num_common(self) -> int:
        """How many neighbours every query has: a density needs as many for each."""
        return int((self.indices >= 0).sum(1).min(initial=self.indices.shape[1]))

    def density(self, k: int) -> Array:
        """Mean distance to the k nearest images, (q,), positive: small where images are dense."""
        mean: Array = self.distances[:, :k].astype(np.float64).mean(1)
        return np.maximum(mean, SMALLEST)

    def checked(self) -> Neighbours:
        """Return the neighbours where all distances are valid.

        Raises:
            InvalidDistances: A distance is NaN, negative, or infinite though there is a neighbour.
        """
        distances = self.distances[self.indices >= 0]
        if not (np.isfinite(distances) & (distances >= 0)).all():
            raise InvalidDistances(
                "A metric gave a distance that is no number: expected finite ones of at least 0. "
                "Look for images that are NaN or infinite in its embedding."
            )
        return self


def top_k(similarity: Vectors, k: int) -> Places:
    """List the images most similar to each query, (q, k); -1 where there are fewer.

    Args:
        similarity: (q, n); -inf for images that are not to be listed.
        k: How many.
    """
    found = np.full((len(similarity), k), -1)
    best = torch.from_numpy(similarity).topk(min(k, similarity.shape[1]))
    found[:, : best.indices.shape[1]] = np.where(
        np.isneginf(best.values.numpy()), -1, best.indices.numpy()
    )
    return found
