"""Copies in a set: how many images lie as near to training images as few real ones do.

An image is flagged when it is as near to T as the j-th nearest of m real images of other patients
(see `release.gate.calibration`). If the images are drawn like real ones of new patients, the
share that is flagged follows Beta(j, m + 1 - j), the law of the j-th of m ranks, so that of n
images BetaBinomial(n; j, m + 1 - j) are. This is exact for images drawn independently and one
detector, whatever the law of the distances, and nearly so for several. Counts at a few ranks are
tested, since copies that were changed a lot lie among the near ones and not before them all.

The same is asked of each class by its own patients, since a leak may hide in a rare one.

A set may show a class more often than the real images do. If classes differ in how often images
come near, the law no longer holds for all of them together: real images of a rare class with
unnamed patients in it were refused in 3 of 12 runs. Let rho be the largest ratio of a class's share
in the set to its share among the real ones. Whatever the classes' own laws are, the share flagged
is at most rho B, B ~ Beta(j, m + 1 - j), so that

    P(K >= k) <= E[P(Binomial(n, min(1, rho B)) >= k)],

which is the law above where the shares are the same, rho = 1.

Apart from any count, two certain copies refuse the model: no real image of another patient was
seen as near (`CERTAIN`).

Reference: Wilks 1942, Annals of Mathematical Statistics 13, 400-409 (tolerance limits); Bates et
al. 2023, theorem 2 (arXiv:2104.08279).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, betabinom, binom

from release.data import Array
from release.gate.calibration import Calibration, Closeness, Thresholds
from release.stats.bonferroni import bonferroni

# Closeness below which an image is a copy beyond doubt, by detectors that see the whole image.
CERTAIN: Mapping[str, float] = {"pixels": 0.1, "whole": 0.1}
MIN_CERTAIN = 2
_TAIL = np.r_[np.logspace(-9, -2, 1500), np.linspace(0.01, 1, 1500)[1:]]  # of the law of B
_ROUNDING = 1e-9


def p_value(
    num_flagged: int, num_images: int, num_patients: int, rank: int, excess: float = 1.0
) -> float:
    """Return the chance that as many or more of honest images are flagged, or a bound on it.

    Args:
        num_flagged: k.
        num_images: n.
        num_patients: m.
        rank: j.
        excess: rho, at least 1; infinite where nothing is known of a class.
    """
    if excess == 1:
        return float(betabinom.sf(num_flagged - 1, num_images, rank, num_patients + 1 - rank))
    if excess == inf:
        return 1.0
    rates = np.minimum(1, excess * beta.isf(_TAIL, rank, num_patients + 1 - rank))
    chances = binom.sf(num_flagged - 1, num_images, rates)
    return min(1.0, float(np.trapezoid(chances, _TAIL)) + float(_TAIL[0]))


def excess_share(weights: NDArray[np.float64], real: NDArray[np.int64]) -> float:
    """Return rho, at least 1; infinite where a class of the set has no real patient.

    Args:
        weights: (n, classes), how much of each class the set's images show; rows add up to 1, or
            to 0 where nothing is said of an image.
        real: Class of one image of each patient.
    """
    shown = weights.sum(0)
    shares = shown / max(1.0, float(shown.sum()))
    known = np.bincount(real, minlength=len(shares)) / len(real)
    # a class that is not shown has no excess, not even where nobody has it
    ratios = np.divide(shares, known, np.where(shares > 0, np.inf, 0.0), where=known > 0)
    ratio = float(ratios.max(initial=1.0))
    return 1.0 if ratio < 1 + _ROUNDING else ratio


def main_class(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the class that an image shows at least half of, (n,); -1 where there is none."""
    return np.where(weights.max(1, initial=0) >= 0.5, weights.argmax(1), -1)


def certain_copies(closeness: Closeness) -> NDArray[np.bool_]:
    """Say which images are copies beyond doubt, (n,)."""
    num = len(next(iter(closeness.values())))
    near = [closeness[name] < most for name, most in CERTAIN.items() if name in closeness]
    return np.asarray(np.any([np.zeros(num, np.bool_), *near], axis=0))


@dataclass(frozen=True)
class Count:
    """Images among some that are as near to T as few real ones are.

    Attributes:
        num_images: n.
        num_patients: m.
        ranks: j of each threshold, ascending.
        num_near: k, how many images lie at or below each.
        excess: rho.
    """

    num_images: int
    num_patients: int
    ranks: tuple[int, ...]
    num_near: tuple[int, ...]
    excess: float = 1.0

    @property
    def p_values(self) -> list[float]:
        """Chance of as many or more at each threshold, if the images are honest."""
        return [
            p_value(near, self.num_images, self.num_patients, rank, self.excess)
            for rank, near in zip(self.ranks, self.num_near, strict=True)
        ]


@dataclass(frozen=True)
class CopyCounts:
    """How many images of a set lie near to training images.

    Attributes:
        overall: All images.
        by_class: By class number: the images that show it for the most part.
        num_certain: Copies beyond doubt.
    """

    overall: Count
    by_class: Mapping[int, Count]
    num_certain: int

    @classmethod
    def of(
        cls, closeness: Closeness, weights: NDArray[np.float64], calibration: Calibration
    ) -> CopyCounts:
        """Count images of a set, flagged ones that were drawn anew included."""
        least, classes = calibration.least(closeness), main_class(weights)
        by_class = {
            label: _count(least[classes == label], thresholds)
            for label, thresholds in calibration.by_class.items()
            if (classes == label).any()
        }
        excess = excess_share(weights, calibration.labels)
        overall = _count(least, calibration.overall, excess)
        return cls(overall, by_class, int(certain_copies(closeness).sum()))

    @property
    def p_values(self) -> list[float]:
        """Of all tests."""
        counts = [self.overall, *self.by_class.values()]
        return [p for count in counts for p in count.p_values]

    @property
    def p_value(self) -> float:
        """The smallest of the tests, corrected for their number."""
        return bonferroni(self.p_values)


def _count(least: Array, thresholds: Thresholds, excess: float = 1.0) -> Count:
    near = tuple(int((least <= value).sum()) for value in thresholds.values)
    return Count(len(least), thresholds.num_patients, thresholds.ranks, near, excess)
