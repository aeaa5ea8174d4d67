"""How well an attack distinguishes members from others, with what chance does to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from release.data import Array
from release.stats.estimate import Estimate
from release.stats.intervals import percentile

NUM_REPLICATES = 500
LOW_RATE = 0.01
_GRID: Array = np.array([0, 0.002, 0.005, 0.01, 0.02, *(0.05 * k for k in range(1, 21))])
_SEED = 0


@dataclass(frozen=True, eq=False)
class Roc:
    """The receiver operating characteristic of an attack, and its 95 % band.

    Attributes:
        auc: Chance that a member scores higher than another.
        tpr_at_low_fpr: Share of members found at one false alarm in a hundred.
        fpr: Grid of false-positive rates.
        tpr: Share of members found at each.
        low: Lower end of the pointwise band.
        high: Upper end.
    """

    auc: Estimate
    tpr_at_low_fpr: Estimate
    fpr: Array
    tpr: Array
    low: Array
    high: Array


def auc(by_rank: NDArray[np.bool_]) -> float:
    """Return the chance that a member ranks above another.

    Args:
        by_rank: Who is a member, from the highest score down.
    """
    members = np.cumsum(by_rank)
    return float(members[~by_rank].mean() / members[-1])


def roc(by_rank: NDArray[np.bool_]) -> Roc:
    """Measure an attack; intervals are the percentile bootstrap over patients.

    Args:
        by_rank: Who is a member, from the highest score down, one image of each patient; at least
            one is a member and one is not.
    """
    rng = np.random.default_rng(_SEED)
    members = _counts(by_rank, rng)
    others = _counts(~by_rank, rng)
    num_others = int((~by_rank).sum())
    tpr = np.cumsum(members, 1) / int(by_rank.sum())  # (replicates, n)
    fpr = np.cumsum(others, 1) / num_others
    areas = (others * tpr).sum(1) / num_others
    curves = np.stack(
        [_interpolated(fpr[row], tpr[row]) for row in range(len(tpr))]
    )  # (replicates, grid)
    at_low = curves[:, np.searchsorted(_GRID, LOW_RATE)]
    band = np.stack([np.quantile(curves[1:], end, axis=0) for end in (0.025, 0.975)])
    return Roc(
        percentile(float(areas[0]), areas[1:]),
        percentile(float(at_low[0]), at_low[1:]),
        _GRID,
        curves[0],
        band[0],
        band[1],
    )


def _counts(chosen: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Count each of the chosen once, then as the bootstrap draws them, (replicates, n)."""
    n = int(chosen.sum())
    drawn = rng.integers(0, n, (NUM_REPLICATES, n)) + n * np.arange(NUM_REPLICATES)[:, None]
    counts = np.zeros((1 + NUM_REPLICATES, len(chosen)), np.int64)
    counts[0, chosen] = 1
    counts[1:, chosen] = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
    return counts


def _interpolated(fpr: Array, tpr: Array) -> Array:
    """Read the share of members off at the last threshold that keeps to each rate."""
    last = np.searchsorted(fpr, _GRID + 1e-9, side="right") - 1
    curve: Array = np.where(last >= 0, tpr[last], 0.0)
    return curve
