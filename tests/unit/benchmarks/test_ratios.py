from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.evaluation.ratios import paired_ratio, ratio_of_estimates
from release.stats.estimate import Estimate


def test_a_ratio_of_estimates_takes_the_worst_ends() -> None:
    ratio = ratio_of_estimates(Estimate(1, 0.5, 2), Estimate(10, 5, 20))
    assert ratio == Estimate(0.1, 0.025, 0.4)


def test_a_distance_below_zero_counts_as_none() -> None:
    ratio = ratio_of_estimates(Estimate(-0.1, -0.2, 0.1), Estimate(1, -1, 2))
    assert (ratio.value, ratio.low) == (0, 0)
    assert math.isinf(ratio.high)


def test_what_slows_a_whole_round_cancels() -> None:
    weather = np.array([1, 0.3, 0.7, 2])
    ratio = paired_ratio(30 * weather, 10 * weather)
    assert ratio.value == pytest.approx(3)
    assert ratio.low == pytest.approx(3)
    assert ratio.high == pytest.approx(3)


def test_the_interval_of_paired_ratios_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        ratio = paired_ratio(2 * rng.lognormal(0, 0.1, 5), rng.lognormal(0, 0.1, 5))
        held += ratio.low <= 2 <= ratio.high
    assert 930 <= held <= 970
