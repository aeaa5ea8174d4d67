"""G2: are the real images that a set comes nearest to training images too often?

All images are ranked by how near their nearest real image is, training or holdout alike, in units
of the density there. If a set reveals no more of training than of holdout patients, the patients
whom its first k images are nearest to are a random draw from all patients, so the number of
training patients among them is hypergeometric. Counting each patient once makes the draw one
without replacement, and keeps an image that everything resembles from counting often.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from release.data import Array
from release.gate.context import Check, Context
from release.gate.finding import CUMULATIVE, NO_RELEASE_BEFORE, OTHER_MODEL, Finding, Reason
from release.gate.policy import Policy
from release.gate.set_neighbours import ImageStatistics
from release.stats.bonferroni import bonferroni

REASON = Reason(
    "scan", "the images nearest to real ones are near to training images too often", OTHER_MODEL
)


def run(context: Context) -> Finding:
    """Judge the images that are kept."""
    return _judged(context, context.left.statistics, CHECK)


def run_with_earlier(context: Context) -> Finding | None:
    """Judge the set and all earlier releases as if they were one."""
    whole = context.with_earlier
    return _judged(context, whole.statistics, WITH_EARLIER) if whole else None


def _judged(context: Context, statistics: Mapping[str, ImageStatistics], check: Check) -> Finding:
    train, num_patients = context.index.images.train_patients, len(context.index.images.member)
    return judge(statistics, train, num_patients, context.policy, context.num_sets, check)


def scan(
    closeness: Array,
    nearest_patient: NDArray[np.int64],
    train: NDArray[np.int64],
    num_patients: int,
    depths: tuple[int, ...],
) -> float:
    """Return the smallest p-value over the depths of the scan, corrected for their number.

    Args:
        closeness: (n,), to the nearest real image.
        nearest_patient: (n,), whose image that is.
        train: Training patients, each once.
        num_patients: All patients, training and holdout.
        depths: How many of the nearest images to look at; those beyond n are cut to n.
    """
    order = np.argsort(closeness, kind="stable")
    cut = sorted({min(depth, len(order)) for depth in depths})
    p_values = []
    for depth in cut:
        touched = np.unique(nearest_patient[order[:depth]])
        num_trained = int(np.isin(touched, train).sum())
        p_values.append(
            float(hypergeom.sf(num_trained - 1, num_patients, len(train), len(touched)))
        )
    return bonferroni(p_values)


def judge(
    statistics: Mapping[str, ImageStatistics],
    train: NDArray[np.int64],
    num_patients: int,
    policy: Policy,
    num_sets: int = 1,
    check: Check | None = None,
) -> Finding:
    """Judge a set by the metric whose scan is the most significant.

    Args:
        statistics: Of the images, by metric.
        train: Training patients, each once.
        num_patients: All patients, training and holdout.
        policy: Says at which level.
        num_sets: How many sets share the level: the set itself, and it with all before it.
        check: What is judged; a set by itself where None.
    """
    p_values = {
        name: scan(
            each.closeness_to_real, each.nearest_patient, train, num_patients, policy.scan_depths
        )
        for name, each in statistics.items()
    }
    p = bonferroni(p_values.values(), num_sets)
    refused = p < policy.alpha / 3
    found = "more often than" if refused else "no more often than the level of the policy and"
    return (check or CHECK).finding(
        decision="refused" if refused else "passed",
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"The real images that the set comes nearest to are training images {found} chance "
        "allows.",
        private={"p_value_by_metric": p_values},
    )


CHECK = Check(
    id="G2",
    name="scan",
    null="The patients whose images the set comes nearest to are a random draw from training and "
    "holdout patients.",
    statistic="The images nearest to real ones in units of the density; how many of their nearest "
    "patients are training patients",
    decision="Hypergeometric over T and H, smallest p over depths and metrics times their number",
    run=run,
    reasons=(REASON,),
)
WITH_EARLIER = Check(
    id="G2",
    name="scan, cumulative",
    null="The same of this set and all earlier releases together.",
    statistic="As the scan, of all images together",
    decision="As the scan; where there are earlier releases, both are at half the level",
    run=run_with_earlier,
    absent=NO_RELEASE_BEFORE,
    reasons=(CUMULATIVE,),
)
