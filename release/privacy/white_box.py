"""G6: does the model itself, once its weights are known, tell who was trained on?

The model's scores (a VAE's bound on the likelihood, a discriminator's output, a diffusion loss) of
the patients whom a fair coin brought in are held against those whom it kept out, by the same exact
tests. What they find refuses the weights; of samples it only warns.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.policy import Policy
from release.privacy.density import Array
from release.privacy.exact import members_by_rank, smallest_p_value
from release.privacy.roc import auc
from release.verdict import Finding


def white_box(scores: Mapping[str, Array], coins: NDArray[np.bool_], policy: Policy) -> Finding:
    """Judge the weights by the most telling of the model's scores.

    Args:
        scores: By name, (c,), of one film of each patient who had a coin; the higher, the more
            likely trained on.
        coins: (c,), who came in.
        policy: Says at which level and at which rates.
    """
    ranked = {name: members_by_rank(values, coins) for name, values in scores.items()}
    p_values = {
        name: smallest_p_value(by_rank, policy.false_positive_rates)
        for name, by_rank in ranked.items()
    }
    p = min(1.0, len(ranked) * min(p_values.values()))
    areas = {name: auc(by_rank) for name, by_rank in ranked.items()}
    leaks = p < policy.alpha
    text = (
        "The model's own scores tell who was trained on: its weights must not be released."
        if leaks
        else "The model's own scores do not tell who was trained on."
    )
    return Finding(
        id="G6",
        name="white box",
        decision="reported",
        statistic=round(max(areas.values()), 2),
        threshold=policy.alpha,
        p_value=p,
        text=text,
        public={"weights_may_leave": not leaks},
        private={"p_value_by_score": p_values, "auc_by_score": areas},
    )
