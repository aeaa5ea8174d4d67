from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from release.data import LabelledImages
from release.utility.learning_curve import equivalent_size, part_of, rising

SIZES = [100, 200, 400, 800]
CURVE = np.array([0.6, 0.7, 0.8, 0.9])


def found(value: float, spread: float = 0.0) -> tuple[float, float, float, str | None]:
    rng = np.random.default_rng(0)
    values = value + spread * rng.normal(size=500)
    size = equivalent_size(SIZES, CURVE, value, np.tile(CURVE, (500, 1)), values)
    return size.num_images.value, size.num_images.low, size.num_images.high, size.bound


def test_it_is_read_off_the_curve_over_the_logarithm_of_the_images() -> None:
    assert found(0.8) == (pytest.approx(400), pytest.approx(400), pytest.approx(400), None)
    assert found(0.75)[0] == pytest.approx(200 * np.sqrt(2))


def test_its_interval_is_as_wide_as_the_scores_are_uncertain() -> None:
    value, low, high, _ = found(0.8, spread=0.025)
    assert low == pytest.approx(400 / 2**0.49, rel=0.1)
    assert high == pytest.approx(400 * 2**0.49, rel=0.1)
    assert low < value < high


def test_beyond_the_curve_only_a_bound_is_known() -> None:
    assert found(0.5) == (pytest.approx(100), pytest.approx(100), pytest.approx(100), "at_most")
    assert found(0.95)[0] == pytest.approx(800)
    assert found(0.95)[3] == "at_least"


def test_a_curve_is_made_to_rise_as_scikit_learn_does() -> None:
    values = np.random.default_rng(0).normal(size=30).cumsum()
    np.testing.assert_allclose(rising(values), isotonic_regression(values))


def test_a_part_is_whole_patients_of_every_class() -> None:
    labels = np.repeat([0, 1], [160, 32])
    patients = np.arange(192) // 2
    images = LabelledImages(np.zeros((192, 2, 2), np.uint8), labels, patients)
    part = part_of(images, 1 / 4, np.random.default_rng(0))
    assert np.bincount(part.labels).tolist() == [40, 8]
    assert (np.unique(part.patients, return_counts=True)[1] == 2).all()
    least = part_of(images, 1e-6, np.random.default_rng(0))
    assert np.bincount(least.labels).tolist() == [2, 2]
