"""How 95 % intervals are computed."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from release.stats.estimate import Estimate

Z_95 = 1.959963984540054  # standard normal quantile at 0.975


def share(successes: int, trials: int) -> Estimate:
    """Estimate a proportion with Wilson's score interval.

    Reference: Wilson 1927, JASA 22(158), 209-212.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no proportion.")
    return proportion(successes / trials, trials)


def proportion(p: float, trials: int) -> Estimate:
    """Give a proportion Wilson's interval for a number of independent trials.

    Args:
        p: The proportion, in [0, 1], possibly over more images than are independent.
        trials: How many independent ones there are (patients); at least one.
    """
    n, z2 = trials, Z_95**2
    center = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Estimate(p, max(0.0, center - half), min(1.0, center + half))


def mean(values: Sequence[float] | NDArray[np.float64]) -> Estimate:
    """Estimate a mean by Student's interval, from at least two independent values.

    For paired measurements these are the differences of the pairs.

    Reference: Student 1908, Biometrika 6(1), 1-25.
    """
    if len(values) < 2:
        raise ValueError("One value alone has no estimate of its uncertainty.")
    error = float(np.std(values, ddof=1)) / sqrt(len(values))
    return _by_student(float(np.mean(values)), error, len(values) - 1)


def jackknife(value: float, left_out: Sequence[float]) -> Estimate:
    """Give a statistic an interval from what it is with each of some equal parts left out.

    Args:
        value: The statistic of everything.
        left_out: The statistic without part k, for every k; at least two.

    Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap, equation 11.5.
    """
    k = len(left_out)
    error = sqrt((k - 1) / k * float(np.square(np.subtract(left_out, np.mean(left_out))).sum()))
    return _by_student(value, error, k - 1)


def average(estimates: Sequence[Estimate]) -> Estimate:
    """Average independent estimates, each weighing the same, and square and add their errors.

    Reference: Zou and Donner 2008, Statistics in Medicine 27(10), 1693-1702, equation 7.
    """
    value = float(np.mean([each.value for each in estimates]))
    below = np.linalg.norm([each.value - each.low for each in estimates]) / len(estimates)
    above = np.linalg.norm([each.high - each.value for each in estimates]) / len(estimates)
    return Estimate(value, value - float(below), value + float(above))


def percentile(value: float, replicates: NDArray[np.float64]) -> Estimate:
    """Give a statistic the middle 95 % of its bootstrap replicates; NaN among them is no draw."""
    low, high = np.nanquantile(replicates, [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def _by_student(center: float, error: float, freedom: int) -> Estimate:
    half = float(student.ppf(0.975, freedom)) * error
    return Estimate(center, center - half, center + half)
