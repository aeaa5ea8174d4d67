"""A metric that can be stopped between films."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from release.films import Pixels
from release.metrics.fairness import LearnedFrom
from release.metrics.metric import Embedded, Metric, Neighbours, Patients

FILMS_AT_ONCE = 256


class Interruptible:
    """Another metric, some films at a time.

    Args:
        metric: The other.
        check: Called between them; raises to give up. It may be replaced, since a metric serves
            one job after another.
    """

    def __init__(self, metric: Metric, check: Callable[[], None]) -> None:
        self._metric = metric
        self.check = check

    @property
    def name(self) -> str:
        """Name of the metric."""
        return self._metric.name

    @property
    def digest(self) -> str:
        """Digest of the metric."""
        return self._metric.digest

    @property
    def learned_from(self) -> LearnedFrom:
        """What the metric has learned from."""
        return self._metric.learned_from

    def embed(self, pixels: Pixels) -> Embedded:
        """Embed films, (n, size, size)."""
        parts = []
        for start in range(0, max(len(pixels), 1), FILMS_AT_ONCE):
            # a copy, since drawn films lie in a file that is mapped for reading alone
            some = np.array(pixels[start : start + FILMS_AT_ONCE])
            parts.append(self._metric.embed(some).vectors)
            self.check()
        return Embedded(np.concatenate(parts))

    def nearest(
        self, queries: Embedded, among: Embedded, k: int, *, apart: Patients | None = None
    ) -> Neighbours:
        """Find the k films of `among` that are most like each query."""
        parts = []
        for start in range(0, max(len(queries), 1), FILMS_AT_ONCE):
            some = np.arange(start, min(start + FILMS_AT_ONCE, len(queries)))
            own = None if apart is None else (apart[0][some], apart[1])
            parts.append(self._metric.nearest(queries.where(some), among, k, apart=own))
            self.check()
        distances, indices = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Neighbours(distances, indices)
