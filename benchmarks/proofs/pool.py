"""A metric that compares no two films of a pool twice, however often the pool is divided."""

from __future__ import annotations

import numpy as np

from release.films import Pixels
from release.metrics.metric import Embedded, Metric, Pairs, Places, Vectors


class Pool(Metric):
    """Another metric, asked about films of one pool alone; its answers are the other's.

    Args:
        metric: What compares films.
        pixels: (n, size, size), the pool, no film twice.
    """

    def __init__(self, metric: Metric, pixels: Pixels) -> None:
        self.name, self.digest = metric.name, metric.digest
        self.learned_from, self.num_listed = metric.learned_from, metric.num_listed
        self._metric, self._films = metric, metric.embed(pixels)
        self._place = {film.tobytes(): place for place, film in enumerate(pixels)}
        self._alike = metric.likeness(self._films, self._films)
        self._distances = np.full_like(self._alike, np.nan)

    def embed(self, pixels: Pixels) -> Embedded:
        """Give each film its place in the pool."""
        places = [self._place[film.tobytes()] for film in pixels]
        return Embedded(np.array(places, np.float32).reshape(-1, 1))

    def likeness(self, queries: Embedded, among: Embedded) -> Vectors:
        """Look up what was found of all pairs at the start."""
        return self._alike[np.ix_(_places(queries), _places(among))]

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Look up the distances known, and find the others."""
        ours, theirs = _places(queries), _places(among)
        rows, columns = ours[pairs.queries], theirs[pairs.films]
        new = np.isnan(self._distances[rows, columns])
        if new.any():
            self._distances[rows[new], columns[new]] = self._metric.distances(
                self._films.where(ours),
                self._films.where(theirs),
                Pairs(pairs.queries[new], pairs.films[new]),
            )
        found: Vectors = self._distances[rows, columns]
        return found


def _places(embedded: Embedded) -> Places:
    return embedded.vectors[:, 0].astype(np.int64)
