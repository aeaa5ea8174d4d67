"""G7: does a metric treat training and holdout images alike?

Every check rests on it. A metric that was trained on the training images alone pushes these apart,
or lets them lie closer, so that the density around them differs from that around holdout images.
Where it treats them alike, and patients were split at random, densities among all real images are
exchangeable, and their ranks are tested, on both sides.

Reference: Mann and Whitney 1947, Annals of Mathematical Statistics 18, 50-60.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from release.data import Array
from release.gate.context import Check, Context
from release.gate.finding import INVALID_METRIC, Finding
from release.gate.policy import Policy
from release.stats.bonferroni import bonferroni


def run(context: Context) -> Finding:
    """Judge the metrics of the index."""
    return judge(context.index.densities_of_real, context.index.images.member, context.policy)


def judge(densities: Mapping[str, Array], member: NDArray[np.bool_], policy: Policy) -> Finding:
    """Judge whether the metrics are fit for the checks.

    Args:
        densities: By metric, among all real images, around one image of each patient.
        member: (patients,), who is a training patient.
        policy: Says at which level.
    """
    p_values = {
        name: float(mannwhitneyu(each[member], each[~member]).pvalue)
        for name, each in densities.items()
    }
    p = bonferroni(p_values.values())
    unlike = p < policy.alpha / 3
    text = "treat training and holdout images alike."
    if unlike:
        text = f"do not {text} Train them on both, or on neither."
    return CHECK.finding(
        decision="inconclusive" if unlike else "passed",
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"The metrics {text}",
        private={"p_value_by_metric": p_values},
    )


CHECK = Check(
    id="G7",
    name="symmetry of metrics",
    null="The density of real images is the same around training and around holdout images.",
    statistic="Ranks of the densities around one image of each patient, by metric",
    decision="Mann and Whitney 1947, two-sided; smallest p over metrics times their number",
    run=run,
    reasons=(INVALID_METRIC,),
)
