"""Membership inference from the density of a synthetic set at a candidate image.

A model that fits many statistics of its training images carries each of these images in them, and a
large set gives the statistics back. Attackers fit a Gaussian, or one for each of many clusters, to
the principal components of the set, and ask how dense the set is at a candidate image. There are
two kinds:

- alone: log p_set(x), by an attacker who holds the set and nothing else;
- calibrated: log p_set(x) - f(log p_real(x)), by an attacker who also knows the other patients of
  the hospital, though not who of them was trained on. p_real is fitted to all of them, x itself
  left out, and f is the cubic that explains log p_set best over all candidates. A plain radiograph
  is dense in every set; what is left after f is what the set knows of this one.

Candidates that were trained on and others enter all of it alike. Under a set that does not depend
on who was trained on, their scores are exchangeable, whatever the law of the images.

References: the density of one's own images as an attack, Hilprecht et al. 2019
(https://doi.org/10.2478/popets-2019-0067); calibration by what is usual for the candidate, Watson
et al. 2022 (arXiv:2111.08440) and Carlini et al. 2022 (arXiv:2112.03570); what statistics of many
dimensions disclose of each person, Dwork et al. 2015 (https://doi.org/10.1109/FOCS.2015.46).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from release.data import Array
from release.stats.gaussian_density import clusters, log_density, log_density_of_others

SIDE = 32  # pixels of the images as the attacks see them
MIN_IMAGES = 30  # of a set: below, no density is fitted
IMAGES_PER_COMPONENT = 3  # of the smaller of the set and the candidates
NUM_COMPONENTS = (16, 32, 64, 128, 192, 320)  # of the attacks by one Gaussian
CLUSTERED_COMPONENTS = 192
NUM_ATTACKS = 2 * (len(NUM_COMPONENTS) + 1)  # alone and calibrated, at most
IMAGES_PER_CLUSTER = 80
MAX_CLUSTERS = 100
CLUSTERS_OF_OTHERS = (8, 30)  # real images have fewer clusters than a set: they leave one out
ROUNDING = 1 / 12  # variance of rounding to grey levels
WINSORISED = 0.002  # share at either end that f does not bend to
_DEGREE = 3

Thumbnails = NDArray[np.uint8]  # (n, pixels of a small image)


class Candidates(NamedTuple):
    """The images whose membership is asked: one of each patient.

    Attributes:
        thumbnails: (patients, pixels), of their images.
        labels: (patients,), their classes.
    """

    thumbnails: Thumbnails
    labels: NDArray[np.int64]


def thumbnails(pixels: NDArray[np.uint8]) -> Thumbnails:
    """Reduce images, (n, size, size), to the mean grey levels of at most 32 x 32 blocks."""
    n, size, _ = pixels.shape
    block = max(1, size // SIDE)
    side = size // block
    blocks = pixels[:, : side * block, : side * block].reshape(n, side, block, side, block)
    sums = blocks.sum((2, 4), dtype=np.uint32)  # (n, side, side)
    means: Thumbnails = ((sums + block**2 // 2) // block**2).astype(np.uint8)
    return means.reshape(n, -1)


def density_scores(of_set: Thumbnails, candidates: Candidates) -> Mapping[str, Array]:
    """Score candidates by the density of a set; the higher, the more likely trained on.

    Args:
        of_set: (n, pixels), of all images of the set, or of several sets together.
        candidates: Whom the attacks ask about.

    Returns:
        By attack: (patients,). None of a set of fewer than 30 images.
    """
    if len(of_set) < MIN_IMAGES:
        return {}
    images, known = _in_components(of_set, candidates.thumbnails)
    scores: dict[str, Array] = {}
    for attack, of_candidates, usual in _densities(images, known):
        scores[f"{attack}, alone"] = of_candidates
        scores[f"{attack}, calibrated"] = _residual(of_candidates, usual, candidates.labels)
    return scores


def _in_components(of_set: Thumbnails, of_candidates: Thumbnails) -> tuple[Array, Array]:
    """Write images in principal components of the set, each of unit variance over the set."""
    values = of_set.astype(np.float32)
    mean = values.mean(0)
    values -= mean
    variances, axes = np.linalg.eigh((values.T @ values / len(values)).astype(np.float64))
    fewest = min(len(of_set), len(of_candidates))
    num = max(1, min(NUM_COMPONENTS[-1], values.shape[1], fewest // IMAGES_PER_COMPONENT))
    largest = slice(-1, -num - 1, -1)
    scale = np.sqrt(np.maximum(variances[largest], 0) + ROUNDING)
    scaled = (axes[:, largest] / scale).astype(np.float32)
    known = (of_candidates.astype(np.float32) - mean) @ scaled
    return values @ scaled, known


def _densities(images: Array, known: Array) -> Iterator[tuple[str, Array, list[Array]]]:
    """Yield each attack: log p_set of the candidates, and what log p_real is of them."""
    num = images.shape[1]
    others = log_density_of_others(known, clusters(known, 1))  # (patients, num), of leading ones
    own = -0.5 * np.cumsum(np.square(known, dtype=np.float64), 1)
    for d in sorted({min(d, num) for d in NUM_COMPONENTS}):
        yield f"{d} components", own[:, d - 1], [others[:, d - 1]]
    d = min(num, CLUSTERED_COMPONENTS)
    images, known = images[:, :d], known[:, :d]
    num_clusters = min(MAX_CLUSTERS, len(images) // IMAGES_PER_CLUSTER)
    if num_clusters < 2:
        return
    usual = [others[:, d - 1]]
    for k in CLUSTERS_OF_OTHERS:
        parts = clusters(known, min(k, max(1, len(known) // MIN_IMAGES)))
        usual.append(log_density_of_others(known, parts)[:, -1])
    yield "clusters", log_density(known, images, clusters(images, num_clusters)), usual


def _residual(of_candidates: Array, usual: list[Array], labels: NDArray[np.int64]) -> Array:
    """Take from log p_set what the densities of real images and the class explain of it."""
    terms = [(labels[:, None] == np.unique(labels)).astype(np.float64)]
    for each in map(_winsorised, usual):
        standard = (each - each.mean()) / max(float(each.std()), 1e-12)
        terms += [standard[:, None] ** power for power in range(1, _DEGREE + 1)]
    explaining = np.hstack(terms)
    weights = np.linalg.lstsq(explaining, _winsorised(of_candidates), rcond=None)[0]
    residual: Array = of_candidates - explaining @ weights
    return residual


def _winsorised(values: Array) -> Array:
    """Draw the few largest and smallest values in to the next ones."""
    clipped: Array = np.clip(values, *np.quantile(values, [WINSORISED, 1 - WINSORISED]))
    return clipped
