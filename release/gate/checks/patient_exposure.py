"""G4: is one patient shown far more often than patients are who were never trained on?

A patient's exposure is the number of images whose nearest real image is the patient's. In many
dimensions some patients are nearest to many images without any leak, in H as in T, and the more so
the more typical the images are. So the exposures in H say what is usual. Two laws are fitted to
them, a negative binomial to all and a power law to the largest, and a patient of T whose exposure
is beyond both, after correction for the number of patients, has the cluster dropped.

A permutation of the labels T and H alone could not tell: the most exposed patient is in T with
chance |T| / (|T| + |H|), whatever the exposure. The fits make this no exact test; it drops
images and refuses no set.

Reference: Weissman 1978, JASA 73, 812-815 (the power law's tail); Radovanović et al. 2010, Journal
of Machine Learning Research 11, 2487-2531 (how often a point is the nearest one).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom, poisson

from release.gate.policy import Policy
from release.gate.verdict import Finding

FEWEST_HELD_OUT = 30  # patients: two laws cannot be fitted to fewer, and nobody is named
Counts = NDArray[np.int64]


def exposures(nearest_patient: NDArray[np.int64], patients: NDArray[np.int64]) -> Counts:
    """Count the images nearest to each of some patients."""
    found, counts = np.unique(nearest_patient, return_counts=True)
    by_patient = dict(zip(found.tolist(), counts.tolist(), strict=True))
    return np.array([by_patient.get(patient, 0) for patient in patients.tolist()], np.int64)


def largest_usual(held_out: Counts, num_trained: int, alpha: float) -> int:
    """Return the exposure that the most exposed of the patients of T exceeds with chance alpha.

    Args:
        held_out: Exposures of the patients of H; at least two.
        num_trained: Patients of T.
        alpha: Chance that any of them exceeds it by chance.
    """
    level = alpha / num_trained
    return max(_by_negative_binomial(held_out, level), _by_power_law(held_out, level))


def exposed(
    nearest_patient: NDArray[np.int64],
    trained: NDArray[np.int64],
    held_out: NDArray[np.int64],
    alpha: float,
) -> NDArray[np.int64]:
    """Return the patients of T who are shown too often.

    Args:
        nearest_patient: (n,), of each image.
        trained: Patients of T, each once.
        held_out: Patients of H, each once.
        alpha: Chance that any patient is named though nothing leaked.
    """
    if len(held_out) < FEWEST_HELD_OUT:
        return trained[:0]
    usual = largest_usual(exposures(nearest_patient, held_out), len(trained), alpha)
    named: NDArray[np.int64] = trained[exposures(nearest_patient, trained) > usual]
    return named


def _by_negative_binomial(counts: Counts, level: float) -> int:
    """Quantile of the law that has the counts' mean and variance."""
    mean = max(float(counts.mean()), 1 / len(counts))
    variance = float(counts.var(ddof=1))
    if variance <= mean:
        return int(poisson.isf(level, mean))
    return int(nbinom.isf(level, mean**2 / (variance - mean), mean / variance))


def _by_power_law(counts: Counts, level: float) -> int:
    """Weissman's quantile, x_k (k / (n level))^xi, from the k largest of n counts."""
    k = int(len(counts) ** 0.5)
    largest = np.sort(np.maximum(counts, 1))[::-1][: k + 1].astype(np.float64)
    xi = float(np.log(largest[:k] / largest[-1]).mean())  # Hill's estimate
    quantile = largest[-1] * max(1.0, k / (len(counts) * level)) ** xi
    return int(min(quantile, np.iinfo(np.int64).max // 2))


def exposure(dropped: NDArray[np.bool_], num_patients: int, policy: Policy) -> Finding:
    """Tell how many images were dropped, and to the owner alone around how many patients.

    Args:
        dropped: (n,), images of a cluster.
        num_patients: Patients whose cluster was dropped.
        policy: Says by which chance.
    """
    num_dropped = int(dropped.sum())
    return Finding(
        id="G4",
        name="exposure",
        decision="reported",
        statistic=num_dropped,
        threshold=policy.exposure_alpha,
        p_value=None,
        text=f"{num_dropped} images were dropped because too many of them are like one patient.",
        public={"num_dropped": num_dropped},
        private={"num_patients": num_patients},
    )
