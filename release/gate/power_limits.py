"""Which sets of some real images can be examined well enough, by the numbers of patients alone.

The powers are those of `release.gate.power`, with what is not known yet on the safe side: every
class is shown, and copies are found as seldom as a claimed kind may be. Once images are compared,
the power may be a little better.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from release.gate.attack_scores import NUM_ATTACKS
from release.gate.calibration import rank_of_threshold
from release.gate.copy_counts import Count
from release.gate.density_attack import NUM_ATTACKS as NUM_DENSITY_ATTACKS
from release.gate.policy import Policy
from release.gate.positive_controls import IMAGES_PER_CONTROL, NUM_CONTROLS
from release.gate.power import detectable_copy_rate, images_needed, level_of_membership
from release.gate.public_result import rounded_up
from release.stats.intervals import proportion
from release.stats.power import detectable_share

NUM_METRICS = 2  # pixels and the copy detector
NUMS_EXAMINED = (1_000, 2_000, 5_000, 20_000)
LARGEST_EXCESS = 30.0
_STEPS = 9  # of a bisection
_ROUNDED_TO = 20  # parts of one


@dataclass(frozen=True)
class PowerLimits:
    """The limits within which sets can be examined well enough.

    Attributes:
        membership: Share of the training patients that an attack may be right on unnoticed: of a
            first release, and of a later one.
        max_membership: The largest that the policy accepts.
        class_shares: Share of each class among the patients.
        num_needed: Images that are examined at least.
        max_excess: By numbers of images examined: how much more often a set may show a class than
            the real images do, rounded down; 0 where no set of so many images can pass.
    """

    membership: tuple[float, float]
    max_membership: float
    class_shares: dict[str, float]
    num_needed: int
    max_excess: tuple[tuple[int, float], ...]


def power_limits(
    labels: NDArray[np.int64],
    patients: NDArray[np.int64],
    is_train: NDArray[np.bool_],
    classes: tuple[str, ...],
    policy: Policy,
) -> PowerLimits:
    """Find the limits of the training and holdout images.

    Args:
        labels: (n,), class of each image.
        patients: (n,), whose it is.
        is_train: (n,), whether models learn from it; the others are held out.
        classes: Names of the classes.
        policy: Says what is asked for.
    """
    first = np.unique(patients, return_index=True)[1]
    members = int(is_train[first].sum())
    counts = np.bincount(labels[first], minlength=len(classes))
    shares = {name: round(float(counts[k]) / len(first), 3) for k, name in enumerate(classes)}
    alone, later = (
        detectable_share(
            members,
            len(first) - members,
            NUM_METRICS * NUM_ATTACKS + NUM_DENSITY_ATTACKS,
            level_of_membership(policy, num_sets),
            policy.false_positive_rates,
        )
        for num_sets in (1, 2)
    )
    needed = images_needed(len(first), len(classes), policy)
    excess: list[tuple[int, float]] = []
    if alone <= policy.max_membership:  # or no set can pass, whatever it shows
        sizes = [needed, *(num for num in NUMS_EXAMINED if num > needed)]
        search = _Excess(counts, int(is_train.sum()), policy)
        excess = [(num, search.largest(num)) for num in sizes]
    return PowerLimits(
        (rounded_up(alone), rounded_up(later)),
        policy.max_membership,
        shares,
        needed,
        tuple(excess),
    )


class _Excess:
    """How much more often than the real images a set may show a class.

    Args:
        counts: Patients of each class.
        num_train: Training images.
        policy: Says which rate of copies must be found.
    """

    def __init__(self, counts: NDArray[np.int64], num_train: int, policy: Policy) -> None:
        num_tests = sum(
            len({rank_of_threshold(num, share) for share in policy.copy_shares})
            for num in (int(counts.sum()), *counts[counts > 0].tolist())
        )
        num_controls = int(np.clip(num_train // IMAGES_PER_CONTROL, *NUM_CONTROLS))
        self._num_patients, self._policy = int(counts.sum()), policy
        self._level = policy.alpha / 3 / num_tests
        self._recall = proportion(policy.min_control_recall, num_controls).low
        self._rank = rank_of_threshold(self._num_patients, policy.copy_shares[0])

    def largest(self, num_images: int) -> float:
        """Return the largest excess at which so many images suffice; 0 where none does."""
        if not self._suffices(num_images, 1.0 + 1 / _ROUNDED_TO):
            return 0.0
        low, high = 1.0 + 1 / _ROUNDED_TO, LARGEST_EXCESS
        for _ in range(_STEPS):
            middle = (low * high) ** 0.5
            low, high = (middle, high) if self._suffices(num_images, middle) else (low, middle)
        return floor(low * _ROUNDED_TO) / _ROUNDED_TO

    def _suffices(self, num_images: int, excess: float) -> bool:
        count = Count(num_images, self._num_patients, (self._rank,), (0,), excess)
        rate = detectable_copy_rate(count, self._level, self._recall)
        return rate <= self._policy.max_mdcr_of_set
