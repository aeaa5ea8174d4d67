"""Kernel inception distance: how far two sets of images lie apart in feature space.

KID is the squared maximum mean discrepancy under the cubic polynomial kernel,

    MMD²(P, Q) = E k(x, x') + E k(y, y') - 2 E k(x, y),    k(x, y) = (x·y / d + 1)³,

estimated without bias: pairs of an image with itself are left out, so that equal distributions give
zero on average and less than zero about as often as more. Two images of one group (a patient, near
duplicates) are no independent pair either, and are left out too.

Reference: Bińkowski et al. 2018, equation 4 (arXiv:1801.01401); Gretton et al. 2012, lemma 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from release.stats.bootstrap import NUM_REPLICATES
from release.stats.estimate import Estimate
from release.stats.intervals import percentile

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Images of one label as points in feature space.

    Attributes:
        features: (n, d).
        groups: (n,), integers: images of one group are not independent.
    """

    features: Array
    groups: NDArray[np.int64]


def kid(x: Sequence[Sample], y: Sequence[Sample], rng: np.random.Generator) -> Estimate:
    """Estimate KID between two sets, every label weighing the same on both sides.

    The interval is the percentile bootstrap: in each of 1000 replicates the groups of every label
    are drawn anew with replacement, on both sides. So it holds the chance of which images were
    drawn and which were held out; it does not hold that of training the classifier or the model.

    Args:
        x: One set, a sample per label; each of at least two groups.
        y: The other, likewise, in the same order of labels.
        rng: Draws the replicates.
    """
    left = [_Counted.resampled(sample, rng) for sample in x]
    right = [_Counted.resampled(sample, rng) for sample in y]
    replicates = _mmd2(left, right)
    return percentile(float(replicates[0]), replicates[1:])


def kid_of_halves(y: Sequence[Sample], rng: np.random.Generator) -> Estimate:
    """Estimate KID between random halves of one set: what a perfect model may show by chance.

    Args:
        y: The set, a sample per label; each of at least four groups.
        rng: Draws the halves, group by group.

    Returns:
        Median and the middle 95 % over 1000 ways to halve the set.
    """
    first, second = [], []
    for sample in y:
        num_groups, group = _numbered(sample.groups, at_least=4)
        ranks = rng.permuted(np.tile(np.arange(num_groups), (NUM_REPLICATES, 1)), axis=1)
        chosen = (ranks < num_groups // 2)[:, group].astype(np.float64)
        first.append(_Counted(sample.features, group, chosen))
        second.append(_Counted(sample.features, group, 1 - chosen))
    low, median, high = np.quantile(_mmd2(first, second), [0.025, 0.5, 0.975])
    return Estimate(float(median), float(low), float(high))


def polynomial_kernel(x: Array, y: Array) -> Array:
    """Compute k(x, y) = (x·y / d + 1)³ for every pair, (n, m)."""
    kernel: Array = (x @ y.T / x.shape[1] + 1) ** 3
    return kernel


@dataclass(frozen=True, eq=False)
class _Counted:
    """Images, and how often each is counted in each replicate, (replicates, n)."""

    features: Array
    groups: NDArray[np.int64]
    counts: Array

    @classmethod
    def resampled(cls, sample: Sample, rng: np.random.Generator) -> _Counted:
        """Count every image once, then as the bootstrap draws its group."""
        num_groups, group = _numbered(sample.groups, at_least=2)
        draws = rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), NUM_REPLICATES)
        counts = np.vstack([np.ones(num_groups), draws])
        return cls(sample.features, group, counts[:, group])

    def by_group(self) -> Array:
        """Add up the counts of each group, (replicates, num_groups)."""
        order = np.argsort(self.groups, kind="stable")
        _, starts = np.unique(self.groups[order], return_index=True)
        sums: Array = np.add.reduceat(self.counts[:, order], starts, axis=1)
        return sums


def _numbered(groups: NDArray[np.int64], at_least: int) -> tuple[int, NDArray[np.int64]]:
    names, numbers = np.unique(groups, return_inverse=True)
    if len(names) < at_least:
        raise ValueError(
            f"KID needs {at_least} independent images of each class, and found {len(names)}."
        )
    return len(names), numbers


def _mmd2(x: Sequence[_Counted], y: Sequence[_Counted]) -> Array:
    """Estimate MMD² between two mixtures of equal parts, (replicates,)."""
    across = [_mean_kernel(a, b) for a in x for b in y]
    mean: Array = (_within(x) + _within(y) - 2 * np.sum(across, 0)) / len(x) ** 2
    return mean


def _within(parts: Sequence[_Counted]) -> Array:
    """Add the mean kernels of all pairs of parts up; a pair and its mirror image are alike."""
    alone = [_mean_kernel(part, part) for part in parts]
    pairs = [_mean_kernel(a, b) for k, a in enumerate(parts) for b in parts[:k]]
    total: Array = np.sum(alone, 0) + 2 * np.sum(pairs, 0)
    return total


def _mean_kernel(a: _Counted, b: _Counted) -> Array:
    """Mean of k over the pairs of independent images, (replicates,)."""
    k = polynomial_kernel(a.features, b.features)
    num_pairs = a.counts.sum(1) * b.counts.sum(1)
    if a is b:
        k[a.groups[:, None] == a.groups] = 0
        num_pairs -= np.square(a.by_group()).sum(1)
    total = ((a.counts @ k) * b.counts).sum(1)
    # a replicate that has drawn one group alone has no pair, and drops out of the interval
    mean: Array = np.divide(total, num_pairs, np.full_like(total, np.nan), where=num_pairs > 0)
    return mean
