from __future__ import annotations

import pytest
from scipy.stats import binomtest

from benchmarks.evaluation.intervals import share


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (81, 100), (1, 3)])
def test_wilson_agrees_with_scipy(successes: int, trials: int) -> None:
    found = share(successes, trials)
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert found.value == successes / trials
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_nothing_tried_is_no_proportion() -> None:
    with pytest.raises(ValueError, match="0 of 0"):
        share(0, 0)
