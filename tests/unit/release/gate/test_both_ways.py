from __future__ import annotations

import numpy as np
import pytest

from release.gate.set_neighbours import BothWays, search_both_ways
from release.similarity.knn import Vectors
from release.similarity.metric import Embedded, Metric, Pairs
from release.similarity.registered_pixels import PixelMetric

RNG = np.random.default_rng(0)
REAL, IMAGES = (RNG.integers(0, 256, (n, 64, 64), np.uint8) for n in (90, 150))
HOLDOUT = np.arange(90) >= 60
REPRESENTATIVES = np.array([0, 3, 61, 70])


class Counting(PixelMetric):
    """Counts the pairs that it is asked for."""

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, int]] = []

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        images = [queries.vectors[image, :9].tobytes() for image in pairs.queries]
        self.pairs += zip(images, pairs.others.tolist(), strict=True)
        return super().distances(queries, among, pairs)


def searched(metric: Metric, images: np.ndarray) -> BothWays:
    return search_both_ways(
        metric, metric.embed(images), metric.embed(REAL), HOLDOUT, REPRESENTATIVES, 5, 7
    )


def test_one_search_finds_what_searches_one_by_one_find() -> None:
    metric = PixelMetric()
    found = searched(metric, IMAGES)
    images, real = metric.embed(IMAGES), metric.embed(REAL)
    for ours, theirs in ((found.real, real), (found.holdout, real.where(HOLDOUT))):
        apart = metric.nearest(images, theirs, 5)
        assert np.array_equal(ours.indices, apart.indices)
        np.testing.assert_allclose(ours.distances, apart.distances, atol=1e-6)


def test_the_distance_from_a_representative_is_that_of_the_image_from_it() -> None:
    metric = PixelMetric()
    near = searched(metric, IMAGES).of_representatives
    assert (np.diff(near.distances, axis=1) >= 0).all()
    images, real = metric.embed(IMAGES), metric.embed(REAL)
    for row, representative in enumerate(REPRESENTATIVES):
        order = np.sort(near.indices[row])
        pairs = Pairs(order, np.full(7, representative))
        again = metric.distances(images, real, pairs)
        np.testing.assert_allclose(np.sort(near.distances[row]), np.sort(again), atol=1e-6)


def test_no_pair_is_registered_twice() -> None:
    metric = Counting()
    searched(metric, IMAGES)
    assert len(metric.pairs) == len(set(metric.pairs))


@pytest.mark.parametrize("num_images", [1, 4])
def test_a_representative_has_no_more_neighbours_than_there_are_images(num_images: int) -> None:
    near = searched(PixelMetric(), IMAGES[:num_images]).of_representatives
    assert ((near.indices >= 0).sum(1) == num_images).all()
    assert np.isinf(near.distances[:, num_images:]).all()
