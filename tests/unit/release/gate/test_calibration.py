from __future__ import annotations

import numpy as np
import pytest

from release.gate.calibration import Calibration, Thresholds, rank_of_threshold

SHARES = (0.001, 0.003, 0.01)


@pytest.mark.parametrize(
    ("num_patients", "share", "rank"),
    [(1, 0.001, 1), (640, 0.001, 1), (1998, 0.001, 1), (1999, 0.001, 2), (999, 0.01, 10)],
)
def test_a_threshold_stands_at_its_share_of_the_patients(
    num_patients: int, share: float, rank: int
) -> None:
    assert rank_of_threshold(num_patients, share) == rank


def test_thresholds_are_ranked_values_and_equal_ranks_count_once() -> None:
    found = Thresholds.of(np.arange(999, 0, -1.0), SHARES)
    assert (found.num_patients, found.ranks, found.values) == (999, (1, 3, 10), (1, 3, 10))
    assert Thresholds.of(np.arange(200.0), SHARES).ranks == (1, 2)


def closeness(rng: np.random.Generator, num: int) -> dict[str, np.ndarray]:
    return {"pixels": rng.random(num), "copy": rng.lognormal(size=num)}


def test_the_unit_of_a_detector_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    labels, real, images = rng.integers(0, 3, 600), closeness(rng, 600), closeness(rng, 400)
    calibration = Calibration(real, labels, SHARES)
    stretched = Calibration({**real, "copy": 1024 * real["copy"]}, labels, SHARES)
    again = {**images, "copy": 1024 * images["copy"]}
    assert stretched.overall == pytest.approx(calibration.overall) or (
        stretched.overall.values == calibration.overall.values
    )
    assert np.array_equal(stretched.least(again), calibration.least(images))
    assert np.array_equal(stretched.flagged(again), calibration.flagged(images))


def test_what_is_as_near_as_the_threshold_is_flagged_and_equal_images_alike() -> None:
    real = {"pixels": np.array([0.9, 0.4, 0.7])}
    calibration = Calibration(real, np.zeros(3, np.int64), SHARES)
    images = {"pixels": np.array([0.1, 0.4, 0.41, 0.4, 0.41])}
    assert calibration.flagged(images).tolist() == [True, True, False, True, False]


def test_one_detector_that_sees_a_copy_suffices() -> None:
    rng = np.random.default_rng(0)
    calibration = Calibration(closeness(rng, 500), np.zeros(500, np.int64), SHARES)
    for seen, blind in (("pixels", "copy"), ("copy", "pixels")):
        found = calibration.flagged({seen: np.zeros(4), blind: np.full(4, 50.0)})
        assert found.all()


def test_each_class_has_the_thresholds_of_its_own_patients() -> None:
    labels = np.repeat([0, 2], [900, 100])
    values = np.r_[np.linspace(1, 2, 900), np.linspace(0.1, 0.2, 100)]
    by_class = Calibration({"pixels": values}, labels, SHARES).by_class
    assert sorted(by_class) == [0, 2]
    assert (by_class[0].num_patients, by_class[2].num_patients) == (900, 100)
    assert by_class[2].values[0] < by_class[0].values[0]


def test_equal_images_among_the_real_ones_leave_numbers() -> None:
    """A detector by which many real images are at distance 0 divides by no zero."""
    calibration = Calibration({"pixels": np.zeros(50)}, np.zeros(50, np.int64), SHARES)
    assert np.isfinite(calibration.least({"pixels": np.ones(3)})).all()
