from __future__ import annotations

import numpy as np

from release.gate.set_neighbours import ImageStatistics, SetNeighbours
from release.similarity.knn import Neighbours

INF = np.inf


def neighbours(
    distances: list[list[float]], indices: list[list[int]], num_images: int
) -> SetNeighbours:
    values = np.arange(num_images, dtype=np.float64)
    near = Neighbours(np.array(distances, np.float32), np.array(indices))
    statistics = ImageStatistics(values, values, values, np.arange(num_images))
    thumbnails = np.arange(num_images, dtype=np.uint8)[:, None]
    return SetNeighbours(
        {"m": statistics}, {"m": near}, {"m": values, "half": -values}, values == 1, thumbnails
    )


FIRST = neighbours([[1, 2], [3, 5]], [[4, 0], [1, 3]], 5)
SECOND = neighbours([[1.5, 9], [0.5, 9]], [[0, 1], [1, 0]], 2)


def test_two_batches_of_images_become_one_set() -> None:
    both = SetNeighbours.concatenated([FIRST, SECOND])
    assert len(both) == 7
    assert both.of_representatives["m"].indices.tolist() == [[4, 5, 0, 6], [6, 1, 3, 5]]
    assert both.of_representatives["m"].distances[1].tolist() == [0.5, 3, 5, 9]
    assert both.closeness["half"].tolist() == [0, -1, -2, -3, -4, 0, -1]
    assert both.flagged.tolist() == [False, True, False, False, False, False, True]
    assert both.thumbnails.ravel().tolist() == [0, 1, 2, 3, 4, 0, 1]


def test_images_that_are_dropped_are_around_nobody_and_the_rest_are_numbered_anew() -> None:
    left = FIRST.where([0, 3, 4])
    assert left.of_representatives["m"].indices.tolist() == [[2, 0], [1, -1]]
    assert left.of_representatives["m"].distances.tolist() == [[1, 2], [5, INF]]
    assert not left.is_complete  # two of three images at most are listed
    assert left.statistics["m"].closeness.tolist() == [0, 3, 4]
    assert left.closeness["half"].tolist() == [0, -3, -4]
    assert not left.flagged.any()
    assert left.thumbnails.ravel().tolist() == [0, 3, 4]


def test_a_rank_that_nobody_fills_is_left_out() -> None:
    left = FIRST.where([1, 4])
    assert left.of_representatives["m"].distances.tolist() == [[1], [3]]


def test_neighbours_survive_being_written_as_arrays() -> None:
    again = SetNeighbours.of_arrays(FIRST.arrays(), ["m"])
    for kept, found in zip(again.statistics["m"], FIRST.statistics["m"], strict=True):
        assert np.array_equal(kept, found)
    assert np.array_equal(
        again.of_representatives["m"].indices, FIRST.of_representatives["m"].indices
    )
    assert set(again.closeness) == {"m", "half"}
    for name, values in FIRST.closeness.items():
        assert np.array_equal(again.closeness[name], values)
    assert np.array_equal(again.flagged, FIRST.flagged)
    assert np.array_equal(again.thumbnails, FIRST.thumbnails)
