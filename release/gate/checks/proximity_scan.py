"""G2: are the real images that a set comes nearest to training images too often?

All images are ranked by how near their nearest real image is, T and H alike, in units of the
density there. If a set knows no more of T than of H, the patients whom its first k images are
nearest to are a random draw from all patients, so the number of them in T is hypergeometric.
Counting each patient once makes the draw one without replacement, and keeps an image that
everything resembles from counting often.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from release.gate.policy import Policy
from release.gate.sight import Sight
from release.gate.verdict import Finding
from release.similarity.knn import Array


def scan(
    closeness: Array,
    nearest_patient: NDArray[np.int64],
    trained: NDArray[np.int64],
    num_patients: int,
    depths: tuple[int, ...],
) -> float:
    """Return the smallest p-value over the depths of the scan, corrected for their number.

    Args:
        closeness: (n,), to the nearest real image.
        nearest_patient: (n,), whose image that is.
        trained: Patients of T, each once.
        num_patients: Patients of T and H together.
        depths: How many of the nearest images to look at; those beyond n are cut to n.
    """
    order = np.argsort(closeness, kind="stable")
    cut = sorted({min(depth, len(order)) for depth in depths})
    p_values = []
    for depth in cut:
        touched = np.unique(nearest_patient[order[:depth]])
        num_trained = int(np.isin(touched, trained).sum())
        p_values.append(
            float(hypergeom.sf(num_trained - 1, num_patients, len(trained), len(touched)))
        )
    return min(1.0, len(cut) * min(p_values))


def scan_of(
    sights: Mapping[str, Sight],
    trained: NDArray[np.int64],
    num_patients: int,
    policy: Policy,
    num_sets: int = 1,
    code: str = "scan",
) -> Finding:
    """Judge a set by the metric whose scan is the most telling.

    Args:
        sights: The images as each metric sees them.
        trained: Patients of T, each once.
        num_patients: Patients of T and H together.
        policy: Says at which level.
        num_sets: How many sets share the level: the set itself, and it with all before it.
        code: Why a set is refused.
    """
    p_values = {
        name: scan(
            sight.closeness_to_real,
            sight.nearest_patient,
            trained,
            num_patients,
            policy.scan_depths,
        )
        for name, sight in sights.items()
    }
    p = min(1.0, num_sets * len(sights) * min(p_values.values()))
    refused = p < policy.alpha / 3
    found = "are training images more often than" if refused else "are training images as often as"
    return Finding(
        id="G2",
        name="scan" if code == "scan" else f"scan, {code}",
        decision="refused" if refused else "passed",
        code=code if refused else None,
        statistic=None,
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"The real images that the set comes nearest to {found} chance allows.",
        private={"p_value_by_metric": p_values},
    )
