"""A measurement and its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import t as student

Z_95 = 1.959963984540054  # standard normal quantile at 0.975


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


def share(successes: int, trials: int) -> Estimate:
    """Estimate a proportion with Wilson's score interval.

    Reference: Wilson 1927, JASA 22(158), 209-212.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no proportion.")
    p, n, z2 = successes / trials, trials, Z_95**2
    center = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Estimate(p, max(0.0, center - half), min(1.0, center + half))


def mean(values: Sequence[float]) -> Estimate:
    """Estimate a mean by Student's interval, from at least two independent values.

    For paired measurements these are the differences of the pairs.

    Reference: Student 1908, Biometrika 6(1), 1-25.
    """
    if len(values) < 2:
        raise ValueError("One value alone tells nothing of its uncertainty.")
    center = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / sqrt(len(values))
    half = float(student.ppf(0.975, len(values) - 1)) * error
    return Estimate(center, center - half, center + half)
