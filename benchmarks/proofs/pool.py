"""A metric that compares no two images of a pool twice, however often the pool is divided."""

from __future__ import annotations

import numpy as np

from release.data import Pixels
from release.similarity.knn import Places, Vectors
from release.similarity.metric import Embedded, Metric, Pairs


class Pool(Metric):
    """Another metric, asked about images of one pool alone; its answers are the other's.

    Args:
        metric: What compares images.
        pixels: (n, size, size), the pool, no image twice.
    """

    def __init__(self, metric: Metric, pixels: Pixels) -> None:
        self.name, self.digest = metric.name, metric.digest
        self.learned_from, self.num_candidates = metric.learned_from, metric.num_candidates
        self._metric, self._images = metric, metric.embed(pixels)
        self._place = {image.tobytes(): place for place, image in enumerate(pixels)}
        self._similarity = metric.similarity(self._images, self._images)
        self._distances = np.full_like(self._similarity, np.nan)

    def _embed(self, pixels: Pixels) -> Vectors:
        """Give each image its place in the pool."""
        places = [self._place[image.tobytes()] for image in pixels]
        return np.array(places, np.float32).reshape(-1, 1)

    def similarity(self, queries: Embedded, among: Embedded) -> Vectors:
        """Look up what was found of all pairs at the start."""
        return self._similarity[np.ix_(_places(queries), _places(among))]

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Look up the distances known, and find the others."""
        ours, theirs = _places(queries), _places(among)
        rows, columns = ours[pairs.queries], theirs[pairs.others]
        new = np.isnan(self._distances[rows, columns])
        if new.any():
            self._distances[rows[new], columns[new]] = self._metric.distances(
                self._images.where(ours),
                self._images.where(theirs),
                Pairs(pairs.queries[new], pairs.others[new]),
            )
        found: Vectors = self._distances[rows, columns]
        return found


def _places(embedded: Embedded) -> Places:
    return embedded.vectors[:, 0].astype(np.int64)
