from __future__ import annotations

import numpy as np

from release.gate.filtering import exposures, over_represented

TRAIN, HOLDOUT = np.arange(3000), np.arange(3000, 3600)


def test_exposure_counts_the_images_nearest_to_a_patient() -> None:
    assert exposures(np.array([7, 7, 9]), np.array([7, 8, 9])).tolist() == [2, 0, 1]


def test_a_patient_in_hundreds_of_images_is_named() -> None:
    rng = np.random.default_rng(0)
    nearest = np.r_[rng.integers(0, 3600, 5000), np.full(300, 17)]
    assert over_represented(nearest, TRAIN, HOLDOUT, 0.01).tolist() == [17]


def test_hubs_are_rarely_named() -> None:
    """Patients whom many images are like by chance are so in both splits."""
    rng = np.random.default_rng(1)
    named = 0
    for _ in range(200):
        popularity = rng.lognormal(0, 1, 3600)
        nearest = rng.choice(3600, 5000, p=popularity / popularity.sum())
        named += len(over_represented(nearest, TRAIN, HOLDOUT, 0.01)) > 0
    assert named <= 6


def test_holdout_patients_that_nothing_is_near_to_are_no_obstacle() -> None:
    assert over_represented(np.array([3, 4]), TRAIN, HOLDOUT, 0.01).tolist() == []
