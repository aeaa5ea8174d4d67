"""How many times one measurement is another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from release.stats.estimate import Estimate


def ratio_of_estimates(ours: Estimate, theirs: Estimate) -> Estimate:
    """Divide one estimate by another, with an interval that errs on the wide side.

    Each end of the interval takes both measurements at the ends that make it worst, so it holds at
    least as often as the two intervals hold together. Below 0 a distance counts as 0. Without an
    upper limit, the high end is infinite.
    """
    low, high = max(0.0, ours.low), max(0.0, ours.high)
    return Estimate(
        value=_divided(max(0.0, ours.value), theirs.value),
        low=_divided(low, theirs.high),
        high=_divided(high, theirs.low),
    )


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Compare rates that were measured in turn: round k of one beside round k of the other.

    The geometric mean of the ratios, and Student's 95 % interval of the mean of their logarithms,
    which cancels what slows a whole round down.

    Args:
        ours: Positive rates, a round each; at least two.
        theirs: As many.
    """
    logs = np.log(np.asarray(ours)) - np.log(np.asarray(theirs))
    mean = float(logs.mean())
    spread = float(logs.std(ddof=1)) / math.sqrt(len(logs))
    half = float(stats.t.ppf(0.975, len(logs) - 1)) * spread
    return Estimate(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def _divided(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else math.inf
