from __future__ import annotations

import numpy as np
import pytest

from release.similarity.closeness import FARTHEST, TYPICAL, closeness
from release.similarity.copy_search import WAYS, Aligned

PATIENTS = np.array([0, 0, 1, 2, 3])
TRAINED = np.array([True, True, True, False, False])


def whole(places: list[int], distances: list[float]) -> float:
    """Return the closeness of one image, whose distances are the same in every way."""
    far = np.repeat(np.array(distances, np.float32)[None, :, None], len(WAYS), 2)
    found = closeness(Aligned(np.array([places]), far), PATIENTS, TRAINED)
    values = {float(each[0]) for each in found.values()}
    assert set(found) == set(WAYS)
    assert len(values) == 1
    return values.pop()


def test_the_nearest_training_image_is_held_against_those_of_other_patients() -> None:
    assert whole([2, 3, 4], [0.2, 0.5, 0.3]) == pytest.approx(0.2 / 0.4)


def test_other_images_of_the_nearest_patient_do_not_count() -> None:
    assert whole([0, 1, 3], [0.2, 0.1, 0.4]) == pytest.approx(0.1 / 0.4)


def test_a_copy_is_at_0_and_a_copy_of_a_holdout_image_is_far() -> None:
    assert whole([2, 3, 4], [0.0, 0.5, 0.3]) == 0
    assert whole([2, 3, 4], [0.4, 0.0, 0.4]) == pytest.approx(2)


def test_where_nobody_else_was_laid_over_it_the_usual_distance_is_reckoned_with() -> None:
    assert whole([0, 1, -1], [0.2, 0.3, np.inf]) == pytest.approx(0.2 / TYPICAL)


def test_where_no_training_image_was_laid_over_it_an_image_is_far_in_numbers() -> None:
    for found in (whole([3, 4, -1], [0.1, 0.2, np.inf]), whole([-1, -1, -1], [np.inf] * 3)):
        assert np.isfinite(found)
        assert found == FARTHEST


def test_equal_images_are_equally_close() -> None:
    """A blank image is as far from all."""
    assert whole([0, 2, 3, 4], [1.0] * 4) == 1


def test_each_way_has_its_own_nearest_image() -> None:
    distances = np.full((1, 3, len(WAYS)), 0.5, np.float32)
    distances[0, 0, 0] = distances[0, 1, 1] = 0.1
    found = closeness(Aligned(np.array([[0, 2, 3]]), distances), PATIENTS, TRAINED)
    assert [found[name][0] for name in WAYS[:2]] == pytest.approx([0.2, 0.2])
    assert found[WAYS[2]][0] == pytest.approx(1)
