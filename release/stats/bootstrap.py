"""The bootstrap by patient: which images there might have been instead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NUM_REPLICATES = 1000


def patient_replicates(
    labels: NDArray[np.int64],
    patients: NDArray[np.int64],
    rng: np.random.Generator,
    num_replicates: int = NUM_REPLICATES,
) -> NDArray[np.float64]:
    """Count each image as often as its patient is drawn, class by class, with replacement.

    Images of one patient come and go together, so they are never taken for independent evidence;
    every class keeps its number of patients.

    Args:
        labels: (n,), class of each image.
        patients: (n,), equal for images of one patient and for near duplicates.
        rng: Draws the replicates.
        num_replicates: How many.

    Returns:
        (num_replicates, n).

    Reference: Efron and Tibshirani 1993, chapter 8 (the unit of resampling).
    """
    counts = np.zeros((num_replicates, len(labels)))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        names, patient = np.unique(patients[members], return_inverse=True)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), num_replicates)
        counts[:, members] = drawn[:, patient]
    return counts
