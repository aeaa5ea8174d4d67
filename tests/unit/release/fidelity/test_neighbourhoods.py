from __future__ import annotations

import numpy as np
import pytest

from release.fidelity.neighbourhoods import coverage


def points(num: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(size=(num, 4))


def test_fresh_points_of_the_same_kind_leave_a_known_share_uncovered() -> None:
    """Naeem et al. 2020, section 3.3: about 1 - 1/2^k is covered."""
    found = coverage(points(1500, 0), points(1500, 1), num_neighbours=5)
    assert found == pytest.approx(1 - 1 / 2**5, abs=0.02)


def test_one_point_drawn_again_and_again_covers_little() -> None:
    assert coverage(points(500, 0), np.repeat(points(1, 1), 500, 0)) < 0.1


def test_half_of_the_variety_covers_half() -> None:
    real = np.concatenate([points(400, 0), points(400, 1) + 50])
    assert coverage(real, points(800, 2)) == pytest.approx(0.5, abs=0.02)


def test_points_elsewhere_cover_nothing() -> None:
    assert coverage(points(100, 0), points(100, 1) + 50) == 0
