"""G6: does the model itself, once its weights are known, reveal who was trained on?

Every fitted part of a model has a score (a density, a discriminator's output, a diffusion loss).
The scores of the audit pool's included patients are compared with those of the others: by exact
tests of the tails, which detect a few memorised patients, and by rank tests of the whole, which
detect that all of them are known a little: from above and from below, since whoever holds the
weights may turn a score around. What they find keeps the weights; of samples it only warns.

A negative result clears the weights only where the test had sufficient power: where it is sure to
detect as small a share of memorised patients as policy asks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.data import Array
from release.gate.context import Hypothesis
from release.gate.finding import Finding
from release.gate.policy import Policy
from release.gate.public_result import percent, rounded_up
from release.stats.bonferroni import bonferroni
from release.stats.fisher import members_by_rank, rank_p_value, upper_p_values
from release.stats.power import detectable_share
from release.stats.roc import auc


def judge(scores: Mapping[str, Array], included: NDArray[np.bool_], policy: Policy) -> Finding:
    """Judge the weights by the most significant of the model's scores.

    Args:
        scores: By name, (c,), of one image of each patient of the audit pool; the higher, the
            more likely trained on.
        included: (c,), who was included in the training.
        policy: Says at which level and at which rates.

    Returns:
        Its p-value is the smallest over scores and tests, times their number (Bonferroni).
    """
    ranked = {name: members_by_rank(values, included) for name, values in scores.items()}
    p_values = {name: _p_value(by_rank, policy) for name, by_rank in ranked.items()}
    p = bonferroni(p_values.values())
    areas = {name: auc(by_rank) for name, by_rank in ranked.items()}
    members, others = int(included.sum()), int((~included).sum())
    share = detectable_share(
        members, others, len(ranked), policy.alpha, policy.false_positive_rates
    )
    leaks, suffices = p < policy.alpha, share <= policy.max_mdcr
    return CHECK.finding(
        decision="reported",
        statistic=round(max(areas.values()), 2),
        threshold=policy.alpha,
        p_value=p,
        text=_sentence(leaks, share, policy),
        public={
            "weights_can_be_released": suffices and not leaks,
            "min_detectable_share": rounded_up(share),
            "asked": sorted(scores),
        },
        private={"p_value_by_score": p_values, "auc_by_score": areas},
    )


def _sentence(leaks: bool, share: float, policy: Policy) -> str:
    """Say what was found, or what would have been."""
    if leaks:
        return "The model's own scores reveal who was trained on: its weights must not be released."
    text = "The model's own scores do not reveal who was trained on, "
    if share <= policy.max_mdcr:
        return f"{text}and would have if {percent(share)} of the patients were memorised."
    return (
        f"{text}but with so few patients might not if {percent(share)} of them were memorised; "
        f"policy asks for {percent(policy.max_mdcr)}."
    )


def _p_value(by_rank: NDArray[np.bool_], policy: Policy) -> float:
    """Return the smallest p-value of a score's tests, corrected for their number."""
    upper = upper_p_values(by_rank, policy.false_positive_rates)
    return bonferroni([*upper, rank_p_value(by_rank[::-1])])


CHECK = Hypothesis(
    id="G6",
    name="white box",
    null="The model's own scores do not depend on who of the audit pool was included in the "
    "training.",
    statistic="White-box audit: the model's own scores of the audit pool",
    decision="Not run on sets. A model is audited by it before its weights are released",
)
