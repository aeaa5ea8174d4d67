"""A training set in which one class is rare, and ways to learn from it."""

from __future__ import annotations

import numpy as np

from benchmarks.evaluation.real_images import LabelledSet, Pixels
from release.utility.arms import Arm, mixed_chances


def cut_down(
    images: LabelledSet, label: int, num_kept: int, rng: np.random.Generator
) -> LabelledSet:
    """Leave `num_kept` images of one class, whole groups first, and all images of the others.

    Raises:
        ValueError: The class has not more images than that.
    """
    members = np.flatnonzero(images.labels == label)
    if len(members) <= num_kept:
        raise ValueError(f"The class has {len(members)} images: too few to cut down to {num_kept}.")
    groups = rng.permutation(np.unique(images.groups[members]))
    rank = {group: place for place, group in enumerate(groups.tolist())}
    order = np.argsort([rank[group] for group in images.groups[members].tolist()], kind="stable")
    keeps = images.labels != label
    keeps[members[order[:num_kept]]] = True
    return images.where(keeps)


def synthetic_arm(imbalanced: LabelledSet, rare: int, synthetic: Pixels, share: float) -> Arm:
    """Top one class up: as oversampling, but part of what is drawn of the class is synthetic.

    Args:
        imbalanced: The real images.
        rare: The class.
        synthetic: Images of it, (n, size, size), from a model of `imbalanced` alone.
        share: How much of what is drawn of the class is synthetic, in [0, 1].
    """
    images = with_images(imbalanced, synthetic, rare)
    new = images.labels[len(imbalanced) :]
    return Arm(images, mixed_chances(imbalanced.labels, new, share))


def with_images(images: LabelledSet, pixels: Pixels, label: int) -> LabelledSet:
    """Add images of one class, each independent of all others."""
    new = np.arange(len(pixels)) + images.groups.max() + 1
    return LabelledSet(
        np.concatenate([images.pixels, pixels]),
        np.concatenate([images.labels, np.full(len(pixels), label, images.labels.dtype)]),
        np.concatenate([images.groups, new.astype(images.groups.dtype)]),
    )
