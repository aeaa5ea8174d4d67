from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from release.gate.checks.proximity_scan import scan

TRAINED = np.arange(850)  # of 1,000 patients
DEPTHS = (10, 30, 100, 300)


def test_the_p_value_is_hypergeometric_in_patients_counted_once() -> None:
    nearest = np.array([1, 1, 2, 3, 900])
    p = scan(np.arange(5.0), nearest, TRAINED, 1000, (10,))
    assert p == pytest.approx(hypergeom.sf(2, 1000, 850, 4))


def test_only_the_nearest_images_of_the_depth_count() -> None:
    nearest = np.r_[np.full(10, 999), np.arange(90)]
    far_last = scan(np.arange(100.0), nearest, TRAINED, 1000, (10,))
    far_first = scan(-np.arange(100.0), nearest, TRAINED, 1000, (10,))
    assert far_last == 1
    assert far_first == pytest.approx(hypergeom.sf(9, 1000, 850, 10))


def test_patients_drawn_without_regard_to_their_split_pass() -> None:
    """Though some patients are nearest to many images, as hubs are."""
    rng = np.random.default_rng(0)
    popularity = rng.lognormal(0, 1.5, 1000)
    p_values = []
    for _ in range(1000):
        nearest = rng.permutation(1000)[rng.choice(1000, 500, p=popularity / popularity.sum())]
        p_values.append(scan(rng.random(500), nearest, TRAINED, 1000, DEPTHS))
    for level in (0.01, 0.05):
        assert np.mean(np.array(p_values) <= level) < level + 3 * np.sqrt(level / 1000)


def test_a_set_that_touches_training_patients_alone_is_found() -> None:
    rng = np.random.default_rng(0)
    assert scan(rng.random(300), rng.choice(850, 300), TRAINED, 1000, DEPTHS) < 1e-8


def test_a_set_smaller_than_the_depth_is_scanned_whole() -> None:
    assert scan(np.arange(3.0), np.array([0, 1, 2]), TRAINED, 1000, DEPTHS) == pytest.approx(
        hypergeom.sf(2, 1000, 850, 3)
    )
