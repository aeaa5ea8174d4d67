"""Sets that hold so many statistics of the training images, and no more: what an attack must find.

Images are drawn from Gaussians over principal components, as a generator would that learned these
alone. Their number of statistics is known, and with it how much they can disclose of a patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from benchmarks.evaluation.real_images import Pixels

NUM_LEADING = 16  # components by which images are assigned to clusters
SHRINKAGE = 2  # images that the covariance common to all clusters counts for
NUM_COMPONENTS = 192

Array = NDArray[np.float64]


class Draw(Protocol):
    """Draws images that depend on some real ones, (num, size, size)."""

    def __call__(self, real: Pixels, num: int, rng: np.random.Generator) -> Pixels:
        """Fit to real images, and draw."""


def one_gaussian(real: Pixels, num: int, rng: np.random.Generator, *, components: int) -> Pixels:
    """Draw from one Gaussian over the leading principal components of real images."""
    mean, axes = _principal(real, components)
    places = (_flat(real) - mean) @ axes
    drawn = rng.multivariate_normal(places.mean(0), np.cov(places.T), num)
    return _pixels(drawn @ axes.T + mean, real)


def clusters(
    real: Pixels, num: int, rng: np.random.Generator, *, images_each: int, own: bool
) -> Pixels:
    """Draw from clusters of real images, each with a covariance of its own or one common to all."""
    mean, axes = _principal(real, NUM_COMPONENTS)
    places = (_flat(real) - mean) @ axes
    by_shape = KMeans(max(1, len(real) // images_each), n_init=1, max_iter=20, random_state=0)
    nearest = by_shape.fit_predict(places[:, :NUM_LEADING])
    parts = [places[nearest == k] for k in np.unique(nearest)]
    centred = [part - part.mean(0) for part in parts]
    common = sum(part.T @ part for part in centred) / len(places)
    drawn = []
    counts = rng.multinomial(num, [len(part) / len(places) for part in parts])
    for part, around, count in zip(parts, centred, counts, strict=True):
        covariance = common
        if own:
            covariance = (around.T @ around + SHRINKAGE * common) / (len(part) + SHRINKAGE)
        drawn.append(rng.multivariate_normal(part.mean(0), covariance, count))
    return _pixels(rng.permutation(np.concatenate(drawn)) @ axes.T + mean, real)


def resampled(real: Pixels, num: int, rng: np.random.Generator) -> Pixels:
    """Draw from the images themselves, with replacement."""
    return real[rng.integers(0, len(real), num)]


LEAKS: Mapping[str, Draw] = {
    **{
        f"one Gaussian of {d} components": partial(one_gaussian, components=d)
        for d in (8, 16, 32, 64, 192)
    },
    "clusters of 40, one covariance": partial(clusters, images_each=40, own=False),
    "clusters of 40, a covariance each": partial(clusters, images_each=40, own=True),
}


def _principal(real: Pixels, num: int) -> tuple[Array, Array]:
    flat = _flat(real)
    mean = flat.mean(0)
    covariance = (flat - mean).T @ (flat - mean) / len(flat)
    return mean, np.linalg.eigh(covariance)[1][:, : -num - 1 : -1]


def _flat(real: Pixels) -> Array:
    return real.reshape(len(real), -1).astype(np.float64)


def _pixels(values: Array, real: Pixels) -> Pixels:
    levels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels.reshape(-1, *real.shape[1:])
