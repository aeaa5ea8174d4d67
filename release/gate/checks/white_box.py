"""G6: does the model itself, once its weights are known, tell who was trained on?

Every fitted part of a model has a score (a density, a discriminator's output, a diffusion loss).
The scores of the patients whom a fair coin brought in are held against those whom it kept out: by
exact tests of the tails, which see a few patients known by heart, and by rank tests of the whole,
which see that all of them are known a little: from above and from below, since whoever holds the
weights may turn a score around. What they find refuses the weights; of samples it only warns.

A test that finds nothing lets the weights go only where it would have found something: where it is
sure to tell if as small a share of the patients, known by heart, stood above all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from release.gate.policy import Policy
from release.gate.verdict import Finding
from release.similarity.knn import Array
from release.stats.fisher import members_by_rank, p_value
from release.stats.roc import auc


def white_box(scores: Mapping[str, Array], coins: NDArray[np.bool_], policy: Policy) -> Finding:
    """Judge the weights by the most telling of the model's scores.

    Args:
        scores: By name, (c,), of one image of each patient who had a coin; the higher, the more
            likely trained on.
        coins: (c,), who came in.
        policy: Says at which level and at which rates.

    Returns:
        Its p-value is the smallest over scores and tests, times their number (Bonferroni).
    """
    ranked = {name: members_by_rank(values, coins) for name, values in scores.items()}
    p_values = {name: _p_value(by_rank, policy) for name, by_rank in ranked.items()}
    p = min(1.0, len(ranked) * min(p_values.values()))
    areas = {name: auc(by_rank) for name, by_rank in ranked.items()}
    leaks = p < policy.alpha
    num_members = int(coins.sum())
    share = detectable_share(num_members, len(coins) - num_members, len(ranked), policy)
    suffices = share <= policy.max_mdcr
    if leaks:
        text = "The model's own scores tell who was trained on: its weights must not be released."
    elif suffices:
        text = (
            "The model's own scores do not tell who was trained on, and would have if "
            f"{100 * share:.2f} % of the patients were known by heart."
        )
    else:
        text = (
            "The model's own scores do not tell who was trained on, but with so few patients "
            f"might not if {100 * share:.1f} % of them were known by heart; policy asks for "
            f"{100 * policy.max_mdcr:.1f} %."
        )
    return Finding(
        id="G6",
        name="white box",
        decision="reported",
        statistic=round(max(areas.values()), 2),
        threshold=policy.alpha,
        p_value=p,
        text=text,
        public={
            "weights_may_leave": suffices and not leaks,
            "min_detectable_share": ceil(1e4 * share) / 1e4,
            "asked": sorted(scores),
        },
        private={"p_value_by_score": p_values, "auc_by_score": areas},
    )


def detectable_share(num_members: int, num_others: int, num_scores: int, policy: Policy) -> float:
    """Return the smallest share of members, known by heart, that the tests are sure to tell.

    Known by heart is who scores above every other patient. The rest scoring below all others is the
    case in which that shows least.

    Args:
        num_members: Patients whom a coin brought in.
        num_others: Patients whom it kept out.
        num_scores: Among which the level is divided, beside the tests of each.
        policy: Says at which level and at which rates.

    Returns:
        In (0, 1]; 1 where no share is sure to be told.
    """
    if not num_others:
        return 1.0
    for known in range(1, num_members):
        by_rank = np.repeat([True, False, True], [known, num_others, num_members - known])
        from_above = _from_above(by_rank, policy)
        if num_scores * (len(from_above) + 1) * min(from_above) < policy.alpha:
            return known / num_members
    return 1.0


def rank_p_value(by_rank: NDArray[np.bool_]) -> float:
    """Return the chance that members rank as high or higher by chance, all of them together.

    Args:
        by_rank: Who is a member, from the highest score down; at least one is not.

    Reference: Mann & Whitney 1947 (doi:10.1214/aoms/1177730491).
    """
    places = -np.arange(len(by_rank))
    found = mannwhitneyu(places[by_rank], places[~by_rank], alternative="greater")
    return float(found.pvalue)


def _p_value(by_rank: NDArray[np.bool_], policy: Policy) -> float:
    """Return the smallest p-value of a score's tests, corrected for their number."""
    p_values = [*_from_above(by_rank, policy), rank_p_value(by_rank[::-1])]
    return min(1.0, len(p_values) * min(p_values))


def _from_above(by_rank: NDArray[np.bool_], policy: Policy) -> list[float]:
    """Test whether members score higher: by the tails, and by all ranks."""
    rates = policy.false_positive_rates
    return [*(p_value(by_rank, rate) for rate in rates), rank_p_value(by_rank)]
