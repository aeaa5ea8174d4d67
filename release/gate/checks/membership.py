"""G3: can an attacker tell from the set who was trained on?

All of T is held against H, one image of each patient, by every score: by its rank sum, and by the
members found at three false-positive rates. One permutation test judges all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.gate.policy import Policy
from release.gate.verdict import Finding
from release.similarity.knn import Array
from release.stats.fisher import members_by_rank
from release.stats.permutation import smallest_p_values
from release.stats.roc import Roc, auc, roc

Scores = Mapping[str, Mapping[str, Array]]  # by metric and score: (patients,)


def membership(
    scores: Scores,
    member: NDArray[np.bool_],
    policy: Policy,
    num_sets: int = 1,
    code: str = "membership",
    labels: NDArray[np.int64] | None = None,
) -> tuple[Finding, Roc]:
    """Judge a set by its most telling score, and measure the strongest attack.

    Args:
        scores: By metric and attack, of one image of each patient.
        member: (patients,), who is in T.
        policy: Says at which level and at which rates.
        num_sets: How many sets share the level: the set itself, and it with all before it.
        code: Why a set is refused.
        labels: (patients,), their classes, within each of which T and H were divided; one where
            None.

    Returns:
        The finding, and the curve of the attack of the largest area: the best of several, so that
        it errs on the side of more leakage.
    """
    named = {
        f"{metric}/{attack}": values
        for metric, attacks in scores.items()
        for attack, values in attacks.items()
    }
    classes = np.zeros(len(member), np.int64) if labels is None else labels
    rates = policy.false_positive_rates
    p, alone = smallest_p_values(list(named.values()), member, classes, rates)
    p = min(1.0, num_sets * p)
    ranked = {name: members_by_rank(values, member) for name, values in named.items()}
    areas = {name: auc(by_rank) for name, by_rank in ranked.items()}
    strongest = max(areas, key=areas.__getitem__)
    curve = roc(ranked[strongest])
    refused = p < policy.alpha / 3
    can = "can" if refused else "cannot"
    finding = Finding(
        id="G3",
        name="membership" if code == "membership" else f"membership, {code}",
        decision="refused" if refused else "passed",
        code=code if refused else None,
        statistic=round(curve.auc.value, 2),
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"Attacks on the set {can} tell who was trained on better than chance; the strongest "
        f"has an AUC of {curve.auc.value:.2f}.",
        private={
            "p_value_by_score": dict(zip(named, alone.tolist(), strict=True)),
            "auc_by_score": areas,
            "strongest": strongest,
        },
    )
    return finding, curve
