"""Power: what the checks are sure to detect. Two claims, each with its own patients.

Copies. A set is refused once so many of its n images are flagged that honest ones hardly ever are:
k is the least count whose p-value is below the level. If a share c of the images are copies of the
kinds that the positive controls stand for, of which at least a share r are found, the number found
is binomial(n, c r). The minimum detectable copy rate (MDCR) is the c by which it reaches k in 95 of
100 sets,

    P(Binomial(n, c r) >= k) = 0.95,    so that  c = BetaQuantile(0.95; k, n - k + 1) / r.

So it is that of the set's own size, and it rests on all training and holdout patients.

Membership. How well membership inference is detected rests on the holdout patients alone. It is
sure to be detected from the share of training patients on whom an attack is always right, the rest
of them ranking below everybody (see `release.stats.power`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import beta

from release.data import Splits
from release.gate.calibration import rank_of_threshold
from release.gate.copy_counts import CopyCounts, Count, p_value
from release.gate.policy import Policy
from release.gate.positive_controls import NUM_CONTROLS
from release.gate.public_result import Power
from release.stats.intervals import proportion
from release.stats.power import detectable_share

CONFIDENCE = 0.95
_MARGIN = 0.8  # of the level of G3: its p-value is found by permutations, and varies a little
NUMS_EXAMINED = (256, 500, 750, 1000, 1250, 1500, 2000)


def detectable_copy_rate(count: Count, level: float, recall: float) -> float:
    """Return the least share of copies by which a set is refused 95 times of 100; 1 if by none.

    Args:
        count: Says how many images there are, and what they are held against.
        level: Of each test.
        recall: Share of copies that is flagged, in (0, 1].
    """
    n, rank = count.num_images, count.ranks[0]

    def refused(flagged: int) -> bool:
        return p_value(flagged, n, count.num_patients, rank, count.excess) < level

    if not n or not refused(n):
        return 1.0
    low, high = 0, n  # refused at `high`, not at `low`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if refused(middle) else (middle, high)
    return min(1.0, float(beta.ppf(CONFIDENCE, high, n - high + 1)) / recall)


def images_needed(num_patients: int, num_classes: int, policy: Policy) -> int:
    """Return how many images must be examined for the claim that policy asks for.

    Args:
        num_patients: Of T and H.
        num_classes: How many classes there are.
        policy: Says what is asked for, and at which level.

    Returns:
        The fewest of some numbers that suffice; the least of them where none does.
    """
    level = policy.alpha / 3 / (len(policy.copy_shares) * (1 + num_classes))
    rank = rank_of_threshold(num_patients, policy.copy_shares[0])
    recall = proportion(policy.min_control_recall, NUM_CONTROLS[1]).low
    for num_images in NUMS_EXAMINED:
        count = Count(num_images, num_patients, (rank,), (0,))
        rate = detectable_copy_rate(count, level, recall)
        if rate <= policy.max_mdcr:
            return num_images
    return NUMS_EXAMINED[0]


def level_of_membership(policy: Policy, num_sets: int) -> float:
    """Return the level at which membership is sure to be detected.

    Args:
        policy: Says at which level G1, G2 and G3 are tested.
        num_sets: How many sets share the level of G3: the set, and it with those before it.
    """
    return _MARGIN * policy.alpha / 3 / num_sets


def power_of(
    splits: Splits,
    policy: Policy,
    num_attacks: int,
    found: CopyCounts | None,
    recall: float,
    num_sets: int = 1,
) -> Power:
    """Find the power that real images and a set's size give.

    Args:
        splits: The real images.
        policy: Says at which level, and what is asked for.
        num_attacks: How many scores G3 corrects for.
        found: What G1 counts of the set; None where nothing could be counted.
        recall: Least share found of a kind that is claimed; 0 where none is.
        num_sets: How many sets share the level of G3: the set, and it with those before it.
    """
    num_patients = len(np.unique(splits.holdout.patients))
    num_members = len(np.unique(splits.train.patients))
    excess = found.overall.excess if found else 1.0
    without = Power(
        num_held_out=len(splits.holdout),
        num_patients=num_patients,
        membership=detectable_share(
            num_members,
            num_patients,
            num_attacks,
            level_of_membership(policy, num_sets),
            policy.false_positive_rates,
        ),
        max_mdcr=policy.max_mdcr if excess == 1 else policy.max_mdcr_of_set,
        max_membership=policy.max_membership,
    )
    if found is None or not recall:
        return without
    level = policy.alpha / 3 / len(found.p_values)
    by_class = {
        name: detectable_copy_rate(found.by_class[label], level, recall)
        if label in found.by_class
        else 1.0
        for label, name in enumerate(splits.classes)
    }
    return replace(
        without,
        num_calibrating=found.overall.num_patients,
        num_examined=found.overall.num_images,
        recall=recall,
        mdcr=detectable_copy_rate(found.overall, level, recall),
        by_class=by_class,
    )
