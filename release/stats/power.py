"""Power of a membership test: the fewest memorised members that it is sure to detect."""

from __future__ import annotations

import numpy as np

from release.stats.fisher import upper_p_values


def detectable_share(
    num_members: int, num_others: int, num_scores: int, level: float, rates: tuple[float, ...]
) -> float:
    """Return the smallest share of memorised members that the tests are sure to detect.

    Memorised is who scores above every other patient. All others of the members scoring below
    everybody is the case in which that shows least.

    Args:
        num_members: Patients who were trained on.
        num_others: Patients who were not.
        num_scores: Among which the level is divided, beside the tests of each.
        level: Of all tests together.
        rates: False-positive rates at which tails are tested.

    Returns:
        In (0, 1]; 1 where no share is sure to be detected.
    """
    if not num_others:
        return 1.0
    for memorised in range(1, num_members):
        by_rank = np.repeat([True, False, True], [memorised, num_others, num_members - memorised])
        p_values = upper_p_values(by_rank, rates)
        if num_scores * (len(p_values) + 1) * min(p_values) < level:
            return memorised / num_members
    return 1.0
