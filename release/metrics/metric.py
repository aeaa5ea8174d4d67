"""What the gate asks of a measure of how alike two films are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from release.films import Pixels
from release.metrics.fairness import LearnedFrom

Vectors = NDArray[np.float32]
Chosen = NDArray[np.bool_] | NDArray[np.integer]
Patients = tuple[NDArray[np.int64], NDArray[np.int64]]


class Neighbours(NamedTuple):
    """The films nearest to each of q queries, nearest first.

    Attributes:
        distances: (q, k), in [0, 2]: 1 - correlation; infinite where there are fewer than k.
        indices: (q, k), each neighbour's place among the films searched; -1 where there are fewer.
    """

    distances: Vectors
    indices: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Embedded:
    """Films as one metric sees them: only that metric can read them.

    Attributes:
        vectors: (n, d), one row per film.
    """

    vectors: Vectors

    def __len__(self) -> int:
        return len(self.vectors)

    def where(self, chosen: Chosen) -> Embedded:
        """Keep some of the films, by mask or by index."""
        return Embedded(self.vectors[chosen])


class Metric(Protocol):
    """How alike two films are, by one embedding."""

    @property
    def name(self) -> str:
        """Name of the metric, such as "pixels"."""

    @property
    def digest(self) -> str:
        """SHA-256 over the version of the method and its weights, in hexadecimal.

        Equal digests give equal distances: embedded films are kept under it.
        """

    @property
    def learned_from(self) -> LearnedFrom:
        """The films it has learned from: T and H alike, or neither."""

    def embed(self, pixels: Pixels) -> Embedded:
        """Bring films, (n, size, size), into the form that `nearest` compares."""

    def nearest(
        self, queries: Embedded, among: Embedded, k: int, *, apart: Patients | None = None
    ) -> Neighbours:
        """Find the k films of `among` that are most like each query.

        Args:
            queries: Films to find neighbours of.
            among: Films to find them in.
            k: How many.
            apart: Patients of the queries and of `among`; films of equal patients are no
                neighbours.
        """
