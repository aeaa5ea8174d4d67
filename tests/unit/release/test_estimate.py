from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from release.estimate import mean, share


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
