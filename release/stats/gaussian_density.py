"""Densities of images by a Gaussian for each cluster of them, with one of them left out or not.

Leaving an image x out of the n of its cluster takes a rank-one part from the scatter matrix. With
d = x - mean and h = d' S^-1 d, S the scatter (shrunk), c = n / (n - 1),

    S_-x = S - c d d',      det S_-x = det S (1 - c h),
    (x - mean_-x)' S_-x^-1 (x - mean_-x) = c^2 h / (1 - c h).

Reference: Sherman and Morrison 1950, Annals of Mathematical Statistics 21(1), 124-127.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import logsumexp

from release.data import Array

NUM_LEADING = 16  # components by which images are assigned to clusters
SHRINKAGE = 20  # images that the covariance common to all clusters counts for
NUM_ROUNDS = 10
_SEED = 0
_SMALLEST = 1e-6


class _Gaussian(NamedTuple):
    """One cluster: its images' numbers, their mean, and the factor of their scatter matrix."""

    members: NDArray[np.int64]
    mean: Array
    factor: Array
    strength: float  # images that the scatter matrix counts for


def clusters(points: Array, num_clusters: int) -> NDArray[np.int64]:
    """Part points, (n, d), into clusters by their leading coordinates: (n,).

    Lloyd's algorithm (1982, doi:10.1109/TIT.1982.1056489), begun at points drawn from their order
    along the first coordinate, so that the order in which they come does not matter.
    """
    leading = points[:, :NUM_LEADING]
    if num_clusters == 1:
        return np.zeros(len(points), np.int64)
    order = np.argsort(leading[:, 0], kind="stable")
    drawn = np.random.default_rng(_SEED).choice(len(points), num_clusters, replace=False)
    centres = leading[order[drawn]]
    for _ in range(NUM_ROUNDS):
        nearest = ((centres**2).sum(1) - 2 * leading @ centres.T).argmin(1)
        counts = np.bincount(nearest, minlength=num_clusters)[:, None]
        sums = np.stack([np.bincount(nearest, x, num_clusters) for x in leading.T], 1)
        centres = np.where(counts > 0, sums / np.maximum(counts, 1), centres).astype(leading.dtype)
    return np.asarray(nearest, np.int64)


def log_density(candidates: Array, points: Array, labels: NDArray[np.int64]) -> Array:
    """Log density, (q,), up to a constant, of candidates, (q, d), under a fit to points, (n, d).

    Args:
        candidates: Where the density is asked.
        points: Which the mixture is fitted to.
        labels: (n,), the cluster of each point.
    """
    logs = [_log_density(candidates, each) for each in _fitted(points, labels)]
    mixed: Array = logsumexp(np.stack(logs, 1), axis=1)
    return mixed


def log_density_of_others(points: Array, labels: NDArray[np.int64]) -> Array:
    """Log density of each point under a fit to all others, up to a constant.

    Args:
        points: (n, d).
        labels: (n,), the cluster of each point, which keeps the place that the point had in it.

    Returns:
        (n, d), by the first k coordinates alone in column k - 1, where there is one cluster; else
        (n, 1), by all.
    """
    fitted = list(_fitted(points, labels))
    if len(fitted) == 1:
        return _left_out(points, fitted[0], by_leading=True)
    logs = np.stack([_log_density(points, each) for each in fitted], 1)
    for k, each in enumerate(fitted):
        own = points[each.members]
        logs[each.members, k] = _left_out(own, each, by_leading=False)[:, 0]
    mixed: Array = logsumexp(logs, axis=1)
    return mixed[:, None]


def _fitted(points: Array, labels: NDArray[np.int64]) -> Iterator[_Gaussian]:
    """Fit a Gaussian to each cluster of more than two points, shrunk to what is common to all."""
    parts = [np.flatnonzero(labels == k) for k in range(int(labels.max()) + 1)]
    parts = [part for part in parts if len(part) > 2]
    means = [points[part].mean(0) for part in parts]
    scatters = []
    for part, mean in zip(parts, means, strict=True):
        centred = points[part] - mean
        scatters.append(centred.T @ centred)
    num = sum(map(len, parts))
    common = sum(scatters) / num
    common += _SMALLEST * (1 + np.trace(common) / len(common)) * np.eye(len(common))
    shrinkage = SHRINKAGE if len(parts) > 1 else 1
    for part, mean, scatter in zip(parts, means, scatters, strict=True):
        shrunk = (scatter + shrinkage * common).astype(np.float64)
        factor = cholesky(shrunk, lower=True, check_finite=False).astype(points.dtype)
        yield _Gaussian(part, mean, factor, len(part) + shrinkage)


def _log_density(candidates: Array, fit: _Gaussian) -> Array:
    """Return log n + log N(x; mean, S / strength), (q,), up to a constant."""
    d = len(fit.mean)
    h = np.square(_whitened(candidates, fit)).sum(0)
    log_det = 2 * np.log(np.diag(fit.factor)).sum() - d * np.log(fit.strength)
    log: Array = np.log(len(fit.members)) - 0.5 * (fit.strength * h + log_det)
    return log


def _left_out(own: Array, fit: _Gaussian, *, by_leading: bool) -> Array:
    """Return the same of a cluster's own points, each under the fit to the others of it."""
    n, d, strength = len(own), len(fit.mean), fit.strength - 1
    c = n / (n - 1)
    squares = np.square(_whitened(own, fit), dtype=np.float64)
    h = np.cumsum(squares, 0).T if by_leading else squares.sum(0)[:, None]  # (n, d) or (n, 1)
    rest = np.maximum(1 - c * h, _SMALLEST)
    log: Array = np.log(n - 1) - 0.5 * (strength * c**2 * h / rest + np.log(rest))
    if by_leading:
        return log
    log_det = 2 * np.log(np.diag(fit.factor)).sum() - d * np.log(strength)
    whole: Array = log - 0.5 * log_det
    return whole


def _whitened(candidates: Array, fit: _Gaussian) -> Array:
    """Solve L y = x - mean, (d, q): the length of y's first k is by the first k coordinates."""
    centred = np.ascontiguousarray((candidates - fit.mean).T)
    solved: Array = solve_triangular(fit.factor, centred, lower=True, check_finite=False)
    return solved
