"""A metric that can be stopped between images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from release.labelled_images import Pixels
from release.metrics.metric import IMAGES_AT_ONCE, Embedded, Metric, Pairs, Vectors


class Interruptible(Metric):
    """Another metric, which is embedded with and asked for few images at a time.

    Args:
        metric: The other.
        check: Called between them; raises to give up. It may be replaced, since a metric serves
            one job after another.
    """

    def __init__(self, metric: Metric, check: Callable[[], None]) -> None:
        self._metric = metric
        self.check = check
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
            self.check()
        return Embedded(np.concatenate(parts))

    def likeness(self, queries: Embedded, among: Embedded) -> Vectors:
        """Compare all with all; whoever searches asks for few queries at once."""
        self.check()
        return self._metric.likeness(queries, among)

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Find the distances of some pairs; likewise."""
        self.check()
        return self._metric.distances(queries, among, pairs)
