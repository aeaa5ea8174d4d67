"""G3: does the set reveal who was in the training? Membership inference attacks.

All training patients are compared with the holdout patients, one image of each, by every attack's
score: by its rank sum, and by the members found at three false-positive rates. One permutation test
judges all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.data import Array
from release.gate.context import Check, Context
from release.gate.finding import CUMULATIVE, NO_RELEASE_BEFORE, OTHER_MODEL, Finding, Reason
from release.gate.policy import Policy
from release.stats.bonferroni import bonferroni
from release.stats.estimate import Estimate
from release.stats.fisher import members_by_rank
from release.stats.permutation import smallest_p_values
from release.stats.roc import auc, roc

GUESSING = 0.5  # the area under the curve of an attack that guesses

REASON = Reason("membership", "the set reveals who was in the training data", OTHER_MODEL)


def run(context: Context) -> Finding:
    """Judge the images that are kept."""
    return _judged(context, context.scores, CHECK)


def run_with_earlier(context: Context) -> Finding | None:
    """Judge the set and all earlier releases as if they were one."""
    whole = context.with_earlier
    return _judged(context, context.index.attack_scores(whole), WITH_EARLIER) if whole else None


def _judged(context: Context, scores: Mapping[str, Array], check: Check) -> Finding:
    images, labels = context.index.images, context.index.images.representative_labels
    return judge(scores, images.member, context.policy, context.num_sets, labels, check)


def judge(
    scores: Mapping[str, Array],
    member: NDArray[np.bool_],
    policy: Policy,
    num_sets: int = 1,
    labels: NDArray[np.int64] | None = None,
    check: Check | None = None,
) -> Finding:
    """Judge a set by its most significant score, and measure the strongest attack.

    Args:
        scores: By attack, of one image of each patient.
        member: (patients,), who is a training patient.
        policy: Says at which level and at which rates.
        num_sets: How many sets share the level: the set itself, and it with all before it.
        labels: (patients,), their classes, within each of which patients were split; one where
            None.
        check: What is judged; a set by itself where None.

    Returns:
        With the curve of the attack of the largest area: the best of several, so that it errs on
        the side of more leakage.
    """
    classes = np.zeros(len(member), np.int64) if labels is None else labels
    rates = policy.false_positive_rates
    p, alone = smallest_p_values(list(scores.values()), member, classes, rates)
    p = bonferroni([p], num_sets)
    ranked = {name: members_by_rank(values, member) for name, values in scores.items()}
    areas = {name: auc(by_rank) for name, by_rank in ranked.items()}
    strongest = max(areas, key=areas.__getitem__)
    curve = roc(ranked[strongest])
    refused = p < policy.alpha / 3
    return (check or CHECK).finding(
        decision="refused" if refused else "passed",
        statistic=round(curve.auc.value, 2),
        threshold=policy.alpha / 3,
        p_value=p,
        text=_sentence(curve.auc, p, policy.alpha / 3),
        private={
            "p_value_by_score": dict(zip(scores, alone.tolist(), strict=True)),
            "auc_by_score": areas,
            "strongest": strongest,
        },
        roc=curve,
    )


def _sentence(auc: Estimate, p: float, level: float) -> str:
    """Say what was measured, by its interval and not by the decision."""
    measured = f"AUC {auc.value:.2f} [{auc.low:.2f}, {auc.high:.2f}], where 0.5 is guessing"
    if p < level:
        return f"Attacks on the set infer who was trained on better than chance: {measured}."
    if round(auc.low, 2) > GUESSING:
        return (
            "A weak signal of who was trained on: the strongest of several attacks has "
            f"{measured}; below what policy refuses."
        )
    return (
        f"The strongest of several attacks infers who was trained on with {measured}; the interval "
        "does not exclude guessing."
    )


CHECK = Check(
    id="G3",
    name="membership",
    null="The set does not depend on who of the patients was trained on.",
    statistic="Membership inference attacks: scores of each real image by its nearest images of "
    "the set (Chen et al. 2020, arXiv:1909.03935), by the ratio of densities (van Breugel et al. "
    "2023, arXiv:2302.12580) and by Monte Carlo (Hilprecht et al. 2019, "
    "doi:10.2478/popets-2019-0067) under each metric; and by the density of the set, as one "
    "Gaussian and as one for each of many clusters, alone and calibrated by the densities of real "
    "images (Watson et al. 2022, arXiv:2111.08440)",
    decision="Rank sum and members found at low false-positive rates. The smallest p over all "
    "scores and tests is compared with that in permutations of membership within each class, one "
    "test for all of them (Westfall and Young 1993; Phipson and Smyth 2010, "
    "doi:10.2202/1544-6115.1585)",
    run=run,
    reasons=(REASON,),
)
WITH_EARLIER = Check(
    id="G3",
    name="membership, cumulative",
    null="The same of this set and all earlier releases together.",
    statistic="As membership, of all images together",
    decision="As membership; where there are earlier releases, both are at half the level",
    run=run_with_earlier,
    absent=NO_RELEASE_BEFORE,
    reasons=(CUMULATIVE,),
)
