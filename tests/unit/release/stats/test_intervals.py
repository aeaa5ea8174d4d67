from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from release.stats.estimate import Estimate
from release.stats.intervals import average, jackknife, mean, percentile, share


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (81, 100), (1, 3)])
def test_wilson_agrees_with_scipy(successes: int, trials: int) -> None:
    found = share(successes, trials)
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert found.value == successes / trials
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_nothing_tried_is_no_proportion() -> None:
    with pytest.raises(ValueError, match="0 of 0"):
        share(0, 0)


def test_mean_agrees_with_scipy() -> None:
    values = [0.3, 0.1, 0.5, 0.35]
    found = mean(values)
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(values))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_student_s_interval_holds_the_mean_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    held = [
        estimate.low < 2 < estimate.high
        for estimate in (mean(rng.normal(2, 3, 5).tolist()) for _ in range(2000))
    ]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_one_value_has_no_interval() -> None:
    with pytest.raises(ValueError, match="alone"):
        mean([1.0])


def test_a_jackknifed_mean_is_student_s() -> None:
    values = np.random.default_rng(0).normal(size=10)
    found = jackknife(float(values.mean()), [np.delete(values, k).mean() for k in range(10)])
    expected = mean(values)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_average_of_equal_estimates_is_as_wide_as_one_over_the_root_of_their_number() -> None:
    found = average([Estimate(0.5, 0.4, 0.7)] * 4)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.45, 0.6))


def test_one_estimate_is_its_own_average() -> None:
    found = average([share(3, 10)])
    assert (found.low, found.high) == pytest.approx((share(3, 10).low, share(3, 10).high))


def test_a_replicate_that_has_no_value_is_left_out() -> None:
    replicates = np.append(np.linspace(0, 1, 1001), np.nan)
    found = percentile(0.5, replicates)
    assert (found.low, found.high) == pytest.approx((0.025, 0.975))


def test_what_is_not_finite_is_described_as_missing() -> None:
    described = Estimate(-0.0, -math.inf, 1 / 3).to_json()
    assert described == {"value": 0.0, "low": None, "high": 0.333333}
    assert math.copysign(1, described["value"]) == 1
