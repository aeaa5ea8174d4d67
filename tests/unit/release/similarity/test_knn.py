from __future__ import annotations

import numpy as np
import pytest

from release.similarity.knn import InvalidDistances, Neighbours

INF = np.inf


def table(distances: list[list[float]], indices: list[list[int]]) -> Neighbours:
    return Neighbours(np.array(distances, np.float32), np.array(indices))


NEAR = table([[1, 2, 4], [3, 5, INF]], [[4, 0, 2], [1, 3, -1]])


def test_density_is_the_mean_distance_to_the_nearest() -> None:
    assert NEAR.density(2).tolist() == [1.5, 4]


def test_equal_images_have_a_density_above_zero() -> None:
    assert (table([[0, 0]], [[0, 1]]).density(2) > 0).all()


def test_as_many_neighbours_are_common_as_the_loneliest_query_has() -> None:
    assert NEAR.num_common == 2


def test_the_nearest_of_some_images_is_infinitely_far_where_none_is_listed() -> None:
    member = np.array([True, False, True, False, False])
    assert NEAR.nearest_among(member).tolist() == [2, INF]


def test_neighbours_within_some_images_keep_their_order() -> None:
    kept = NEAR.among(np.array([True, True, True, False, False]))
    assert kept.indices.tolist() == [[0, 2, -1], [1, -1, -1]]
    assert kept.distances.tolist() == [[2, 4, INF], [3, INF, INF]]


@pytest.mark.parametrize("wrong", [np.nan, -1.0, INF])
def test_distances_that_are_no_numbers_are_refused(wrong: float) -> None:
    with pytest.raises(InvalidDistances, match="no number"):
        table([[wrong]], [[0]]).checked()


def test_neighbours_that_are_missing_are_no_fault() -> None:
    assert NEAR.checked() is NEAR
