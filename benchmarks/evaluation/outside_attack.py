"""An attack on who was trained on, by somebody who holds the images of a set alone.

Principal components of the set, clusters of it, a covariance each: how dense is the set at a
candidate image? Written apart from the gate's attacks, so that it can be held against them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from benchmarks.evaluation.real_images import Pixels

SIDE = 32  # pixels
NUM_COMPONENTS = 192
NUM_LEADING = 16  # components by which images are assigned to clusters
IMAGES_PER_CLUSTER = 80
RIDGE = 0.2  # weight of the covariance common to all clusters

Array = NDArray[np.float64]


class SetDensity:
    """How dense a set is, fitted once.

    Args:
        pixels: (n, size, size), of all images of the set; at least 20.
    """

    def __init__(self, pixels: Pixels) -> None:
        num = min(NUM_COMPONENTS, len(pixels) // 5, _small(pixels[:1]).shape[1])
        self._components = PCA(num, svd_solver="covariance_eigh", whiten=True).fit(_small(pixels))
        places = self._components.transform(_small(pixels))
        num_clusters = max(1, len(pixels) // IMAGES_PER_CLUSTER)
        nearest = KMeans(num_clusters, n_init=1, max_iter=20, random_state=0).fit_predict(
            places[:, :NUM_LEADING]
        )
        parts = [places[nearest == k] for k in range(num_clusters)]
        parts = [part for part in parts if len(part) > 1]
        common = sum((part - part.mean(0)).T @ (part - part.mean(0)) for part in parts)
        common = common / sum(map(len, parts))
        self._clusters = [(part.mean(0), *_whitener(part, common), len(part)) for part in parts]

    def log_density(self, pixels: Pixels) -> Array:
        """Ask at images, (q, size, size), for the log density up to a constant, (q,)."""
        places = self._components.transform(_small(pixels))
        logs = [
            np.log(num) - 0.5 * (((places - mean) @ whitener) ** 2).sum(1) - 0.5 * log_det
            for mean, whitener, log_det, num in self._clusters
        ]
        mixed: Array = np.logaddexp.reduce(logs, axis=0)
        return mixed


def against_reference(of_set: Array, of_reference: Array) -> Array:
    """Take from log p_set what log p of images that nothing learned from explains: the residual.

    Args:
        of_set: (q,), at the candidates.
        of_reference: (q,), the same of a fit to real images that are no candidates.
    """
    terms = np.vander(np.clip(of_reference, *np.quantile(of_reference, [0.005, 0.995])), 2)
    residual: Array = of_set - terms @ np.linalg.lstsq(terms, of_set, rcond=None)[0]
    return residual


def _whitener(part: Array, common: Array) -> tuple[Array, float]:
    covariance = (1 - RIDGE) * np.cov(part.T, bias=True) + RIDGE * common
    values, axes = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-6)
    return axes / np.sqrt(values), float(np.log(values).sum())


def _small(pixels: Pixels) -> Array:
    """Mean grey levels of at most 32 x 32 blocks, (n, pixels)."""
    n, size, _ = pixels.shape
    block = max(1, size // SIDE)
    small: Array = pixels.reshape(n, size // block, block, size // block, block).mean((2, 4))
    return small.reshape(n, -1)
