"""Fréchet distance: how far apart two sets of images lie, each taken for a Gaussian.

    FD = |mu_x - mu_y|² + tr S_x + tr S_y - 2 tr (S_x S_y)^½

With S_x = XᵀX and S_y = YᵀY the last trace is the sum of the singular values of X Yᵀ: eigenvalues
of S_x S_y are the squares of those, since XᵀX YᵀY and (X Yᵀ)(X Yᵀ)ᵀ share all that are not 0. So no
square root of a matrix is taken, and where there are fewer images than features the matrix is only
as large as the images are many.

References: Dowson and Landau 1982, J. Multivariate Analysis 12(3), 450-455; Heusel et al. 2017,
equation 6 (arXiv:1706.08500).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.stats.estimate import Estimate
from release.stats.intervals import jackknife

Array = NDArray[np.float64]
NUM_PARTS = 10
SMALL = 1024  # up to here the slower and more exact factorisations take less than a second


def frechet_distance(x: Array, y: Array) -> float:
    """Compute FD between two sets of features, with covariances over n - 1.

    It is biased upwards where images are few: compare only what has equally many.

    Args:
        x: (n, d), at least two images.
        y: (m, d), likewise.
    """
    difference = x.mean(0) - y.mean(0)
    factor_x, factor_y = _factor(x), _factor(y)
    traces = np.square(factor_x).sum() + np.square(factor_y).sum()
    return float(difference @ difference + traces - 2 * _nuclear_norm(factor_x @ factor_y.T))


def frechet_estimate(
    x: Array, y: Array, patients_x: NDArray[np.int64], patients_y: NDArray[np.int64]
) -> Estimate:
    """Estimate FD with the jackknife's interval: both sets lose a tenth at a time.

    Args:
        x: (n, d).
        y: (m, d).
        patients_x: (n,), images of x that go together; at least 20 of them, and as for y.
        patients_y: (m,), images of y that go together.
    """
    part_x, part_y = (
        np.unique(each, return_inverse=True)[1] % NUM_PARTS for each in (patients_x, patients_y)
    )
    left_out = [frechet_distance(x[part_x != k], y[part_y != k]) for k in range(NUM_PARTS)]
    return jackknife(frechet_distance(x, y), left_out)


def _factor(points: Array) -> Array:
    """Find F, of no more rows than columns, with FᵀF the covariance."""
    n, d = points.shape
    centred = (points - points.mean(0)) / np.sqrt(n - 1)
    if n <= d:
        whole: Array = centred
        return whole
    if d > SMALL:
        try:
            upper: Array = np.linalg.cholesky(centred.T @ centred, upper=True)
        except np.linalg.LinAlgError:  # a feature is the same in all images
            pass
        else:
            return upper
    triangle: Array = np.asarray(np.linalg.qr(centred, mode="r"))
    return triangle


def _nuclear_norm(matrix: Array) -> float:
    """Add the singular values up."""
    if min(matrix.shape) <= SMALL:
        return float(np.linalg.svd(matrix, compute_uv=False).sum())
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    return float(np.sqrt(np.linalg.eigvalsh(small @ small.T).clip(0)).sum())
