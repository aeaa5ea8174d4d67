"""A metric that can be stopped between images."""

from __future__ import annotations

import numpy as np

from release.cancellation import check_cancelled
from release.data import Pixels
from release.similarity.metric import IMAGES_AT_ONCE, Embedded, Metric, Pairs, Vectors


class Interruptible(Metric):
    """Another metric, which embeds and compares few images at a time.

    Args:
        metric: The other.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.name = metric.name
        self.digest = metric.digest
        self.learned_from = metric.learned_from
        self.num_listed = metric.num_listed

    def embed(self, pixels: Pixels) -> Embedded:
        """Embed images, (n, size, size)."""
        parts = []
        for start in range(0, max(len(pixels), 1), IMAGES_AT_ONCE):
            # a copy, since drawn images lie in a file that is mapped for reading alone
            some = np.array(pixels[start : start + IMAGES_AT_ONCE])
            parts.append(self._metric.embed(some).vectors)
            check_cancelled()
        return Embedded(np.concatenate(parts))

    def likeness(self, queries: Embedded, among: Embedded) -> Vectors:
        """Compare all with all; whoever searches asks for few queries at once."""
        check_cancelled()
        return self._metric.likeness(queries, among)

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Find the distances of some pairs; likewise."""
        check_cancelled()
        return self._metric.distances(queries, among, pairs)
