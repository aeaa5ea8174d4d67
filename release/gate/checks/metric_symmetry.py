"""Does a metric treat T and H alike?

Every test rests on it. A metric that was trained on T alone pushes images of T apart, or lets them
lie closer, so that the density around them differs from that around images of H. Where it treats
them alike, and patients came to T and H at random, densities among all real images are
exchangeable, and their ranks are tested, on both sides.

Reference: Mann and Whitney 1947, Annals of Mathematical Statistics 18, 50-60.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from release.gate.policy import Policy
from release.gate.verdict import Finding
from release.similarity.knn import Array, UnfitMetric


def symmetry(densities: Mapping[str, Array], member: NDArray[np.bool_], policy: Policy) -> Finding:
    """Judge whether the metrics are fit for the tests.

    Args:
        densities: By metric, among all real images, around one image of each patient.
        member: (patients,), who is in T.
        policy: Says at which level.
    """
    p_values = {
        name: float(mannwhitneyu(each[member], each[~member]).pvalue)
        for name, each in densities.items()
    }
    p = min(1.0, len(p_values) * min(p_values.values()))
    unlike = p < policy.alpha / 3
    text = "treat images that were trained on and held-out images alike."
    if unlike:
        text = f"do not {text} Train them on both, or on neither."
    return Finding(
        id="G7",
        name="symmetry of metrics",
        decision="inconclusive" if unlike else "passed",
        code="embedding" if unlike else None,
        statistic=None,
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"The metrics {text}",
        private={"p_value_by_metric": p_values},
    )


def unfit(error: UnfitMetric) -> Finding:
    """Say that a metric's distances are no numbers: nothing else can be asked of it."""
    return Finding(
        id="G0",
        name="embedding",
        decision="inconclusive",
        code="embedding",
        statistic=None,
        threshold=None,
        p_value=None,
        text=str(error),
    )
