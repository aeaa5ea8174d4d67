"""How many real images are the synthetic ones worth? The learning curve read backwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from release.data import LabelledImages
from release.stats.estimate import Estimate
from release.utility.results import EquivalentSize

Array = NDArray[np.float64]
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)  # of the training images; all of them are the curve's end


def part_of(images: LabelledImages, share: float, rng: np.random.Generator) -> LabelledImages:
    """Keep a share of the patients of each class, at least one of each, with all their images."""
    kept = []
    for label in np.unique(images.labels):
        patients = rng.permutation(np.unique(images.patients[images.labels == label]))
        kept.append(patients[: max(1, round(share * len(patients)))])
    return images.where(np.isin(images.patients, np.concatenate(kept)))


def equivalent_size(
    sizes: Sequence[int], curve: Array, value: float, curves: Array, values: Array
) -> EquivalentSize:
    """Read the learning curve backwards, in every replicate too.

    The curve is made to rise (isotonic regression), and is straight between its points over the
    logarithm of the number of images.

    Args:
        sizes: How many real images each point has, rising.
        curve: (num_points,), their AUROC.
        value: The AUROC of the synthetic images.
        curves: (R, num_points), the curve in each replicate.
        values: (R,), the AUROC of the synthetic images in each.
    """
    logs = np.log(sizes)
    whole = rising(curve)
    found = [
        _read_backwards(logs, rising(each), at) for each, at in zip(curves, values, strict=True)
    ]
    low, high = np.exp(np.quantile(found, [0.025, 0.975]))
    best = float(np.exp(_read_backwards(logs, whole, value)))
    bound: Literal["at_most", "at_least"] | None = None
    if value < whole[0]:
        bound = "at_most"
    elif value > whole[-1]:
        bound = "at_least"
    return EquivalentSize(Estimate(best, min(best, float(low)), max(best, float(high))), bound)


def rising(values: Array) -> Array:
    """Find the nearest curve that does not fall (isotonic regression).

    Reference: Barlow et al. 1972, Statistical Inference under Order Restrictions, section 1.2.
    """
    curve: Array = isotonic_regression(values).x
    return curve


def _read_backwards(logs: Array, curve: Array, value: float) -> float:
    """Find the least x at which a rising curve reaches the value; an end where it does not."""
    above = int(np.searchsorted(curve, value))
    if above == 0:
        return float(logs[0])
    if above == len(curve):
        return float(logs[-1])
    rise = (value - curve[above - 1]) / (curve[above] - curve[above - 1])
    return float(logs[above - 1] + rise * (logs[above] - logs[above - 1]))
