"""Which images of a set are dropped: flagged ones, and those around over-represented patients.

A patient's exposure is the number of images whose nearest real image is the patient's. In many
dimensions some patients are nearest to many images without any leak, holdout patients as training
patients, and the more so the more typical the images are. So the exposures of holdout patients say
what is usual. Two laws are fitted to them, a negative binomial to all and a power law to the
largest. A training patient whose exposure is beyond both, after correction for the number of
patients, is over-represented, and the images around the patient are dropped.

A permutation of the labels training and holdout has no power here: the most exposed patient is a
training patient with chance |T| / (|T| + |H|), whatever the exposure. The fits make this no exact
test; it drops images and refuses no set.

Reference: Weissman 1978, JASA 73, 812-815 (the power law's tail); Radovanović et al. 2010, Journal
of Machine Learning Research 11, 2487-2531 (how often a point is the nearest one).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom, poisson

from release.gate.copy_counts import certain_copies
from release.gate.real_images import RealImages
from release.gate.set_neighbours import SetNeighbours

MIN_HOLDOUT = 30  # patients: two laws cannot be fitted to fewer, and nobody is named
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


def over_represented(
    nearest_patient: NDArray[np.int64],
    train: NDArray[np.int64],
    holdout: NDArray[np.int64],
    alpha: float,
) -> NDArray[np.int64]:
    """Return the training patients who are shown too often.

    Args:
        nearest_patient: (n,), of each image.
        train: Training patients, each once.
        holdout: Holdout patients, each once.
        alpha: Chance that any patient is named though nothing leaked.
    """
    if len(holdout) < MIN_HOLDOUT:
        return train[:0]
    usual = largest_usual(exposures(nearest_patient, holdout), len(train), alpha)
    named: NDArray[np.int64] = train[exposures(nearest_patient, train) > usual]
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


def kept_images(
    neighbours: SetNeighbours, images: RealImages, alpha: float
) -> tuple[NDArray[np.bool_], int]:
    """Drop flagged images and those around over-represented patients.

    Args:
        neighbours: Of the images of the set.
        images: The real images.
        alpha: Chance that any patient is named though nothing leaked.

    Returns:
        (n,), which images are kept; and the number of over-represented patients.
    """
    kept = ~(neighbours.flagged | certain_copies(neighbours.closeness))
    dropped = np.zeros_like(kept)
    named: set[int] = set()
    for each in neighbours.statistics.values():
        patients = over_represented(
            each.nearest_patient[kept],
            images.train_patients,
            images.holdout_patients,
            alpha / len(neighbours.statistics),
        )
        dropped |= np.isin(each.nearest_patient, patients)
        named |= set(patients.tolist())
    return kept & ~dropped, len(named)
