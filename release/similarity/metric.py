"""What the gate asks of a measure of how alike two images are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from release.data import Pixels
from release.similarity.learned_from import LearnedFrom

IMAGES_AT_ONCE = 128  # whoever wants to stop a search waits for as many

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]
Chosen = NDArray[np.bool_] | NDArray[np.integer] | slice
Patients = tuple[NDArray[np.int64], NDArray[np.int64]]


class Neighbours(NamedTuple):
    """The images nearest to each of q queries, nearest first.

    Attributes:
        distances: (q, k), in [0, 2]: 1 - correlation; infinite where there are fewer than k.
        indices: (q, k), each neighbour's place among the images searched; -1 where there are fewer.
    """

    distances: Vectors
    indices: Places

    @classmethod
    def ordered(cls, distances: Vectors, indices: Places, k: int) -> Neighbours:
        """Keep the k nearest of each row of listed images."""
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        return cls(np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1))


class Pairs(NamedTuple):
    """Images whose distance is asked for, in the order of the queries.

    Attributes:
        queries: (p,), places of the queries, ascending.
        images: (p,), places of the images that they are compared with.
    """

    queries: Places
    images: Places


@dataclass(frozen=True, eq=False)
class Embedded:
    """Images as one metric sees them: only that metric can read them.

    Attributes:
        vectors: (n, d), one row per image.
    """

    vectors: Vectors

    def __len__(self) -> int:
        return len(self.vectors)

    def where(self, chosen: Chosen) -> Embedded:
        """Keep some of the images, by mask, by index or by slice."""
        return Embedded(self.vectors[chosen])


class Metric(ABC):
    """How alike two images are, by one embedding.

    Neighbours are found in two steps: all images are compared by a likeness that is quick to
    compute, and the distance is found for those alone that are most alike by it.

    Attributes:
        name: Such as "pixels".
        digest: SHA-256 over the version of the method and its weights, in hexadecimal. Equal
            digests give equal distances: what was found is kept under it.
        learned_from: The images it has learned from: T and H alike, or neither.
        num_listed: How many images, at least, the distance is found for; 1 where the most alike
            image is the nearest.
    """

    name: str
    digest: str
    learned_from: LearnedFrom
    num_listed: int = 1

    @abstractmethod
    def embed(self, pixels: Pixels) -> Embedded:
        """Bring images, (n, size, size), into the form that they are compared in."""

    @abstractmethod
    def likeness(self, queries: Embedded, among: Embedded) -> Vectors:
        """Compare all with all, (q, n): the higher, the more alike."""

    @abstractmethod
    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Find the distances of some pairs, (p,)."""

    def nearest(
        self, queries: Embedded, among: Embedded, k: int, *, apart: Patients | None = None
    ) -> Neighbours:
        """Find the k images of `among` that are nearest to each query.

        Args:
            queries: Images to find neighbours of.
            among: Images to find them in.
            k: How many; at least 1.
            apart: Patients of the queries and of `among`; images of equal patients are no
                neighbours.
        """
        if k < 1:
            raise ValueError(f"At least 1 neighbour is to be found, not {k}.")
        parts = []
        for start in range(0, max(len(queries), 1), IMAGES_AT_ONCE):
            some = slice(start, start + IMAGES_AT_ONCE)
            own = None if apart is None else (apart[0][some], apart[1])
            parts.append(self._nearest(queries.where(some), among, k, own))
        distances, indices = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Neighbours(distances, indices)

    def _nearest(
        self, queries: Embedded, among: Embedded, k: int, apart: Patients | None
    ) -> Neighbours:
        alike = self.likeness(queries, among)
        if apart is not None:
            alike[apart[0][:, None] == apart[1]] = -np.inf
        indices = most_alike(alike, max(k, self.num_listed))
        listed = indices >= 0
        distances = np.full(indices.shape, np.inf, np.float32)
        distances[listed] = self.distances(
            queries, among, Pairs(np.nonzero(listed)[0], indices[listed])
        )
        return Neighbours.ordered(distances, indices, k)


def most_alike(likeness: Vectors, num: int) -> Places:
    """List the images most like each query, (q, num); -1 where there are fewer.

    Args:
        likeness: (q, n); -inf for images that are not to be listed.
        num: How many.
    """
    found = np.full((len(likeness), num), -1)
    best = torch.from_numpy(likeness).topk(min(num, likeness.shape[1]))
    found[:, : best.indices.shape[1]] = np.where(
        np.isneginf(best.values.numpy()), -1, best.indices.numpy()
    )
    return found
