from __future__ import annotations

import numpy as np

from release.gate.checks.patient_exposure import exposed, exposure, exposures
from release.gate.policy import Policy

TRAINED, HELD_OUT = np.arange(3000), np.arange(3000, 3600)


def test_exposure_counts_the_images_nearest_to_a_patient() -> None:
    assert exposures(np.array([7, 7, 9]), np.array([7, 8, 9])).tolist() == [2, 0, 1]


def test_a_patient_in_hundreds_of_images_is_named() -> None:
    rng = np.random.default_rng(0)
    nearest = np.r_[rng.integers(0, 3600, 5000), np.full(300, 17)]
    assert exposed(nearest, TRAINED, HELD_OUT, 0.01).tolist() == [17]


def test_hubs_are_rarely_named() -> None:
    """Patients whom many images are like by chance are so in T and H alike."""
    rng = np.random.default_rng(1)
    named = 0
    for _ in range(200):
        popularity = rng.lognormal(0, 1, 3600)
        nearest = rng.choice(3600, 5000, p=popularity / popularity.sum())
        named += len(exposed(nearest, TRAINED, HELD_OUT, 0.01)) > 0
    assert named <= 6


def test_held_out_patients_that_nothing_is_near_to_are_no_obstacle() -> None:
    assert exposed(np.array([3, 4]), TRAINED, HELD_OUT, 0.01).tolist() == []


def test_only_the_owner_learns_how_many_patients_were_exposed() -> None:
    finding = exposure(np.array([True, False]), 1, Policy())
    assert finding.statistic == 1
    assert "num_patients" in finding.private
    assert "num_patients" not in finding.public
