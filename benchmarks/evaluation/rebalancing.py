"""A training set in which one class is rare, and ways to learn from it."""

from __future__ import annotations

import numpy as np

from benchmarks.evaluation.real_films import Pixels, Split
from release.utility.arms import Arm, mixed_chances


def cut_down(films: Split, label: int, num_kept: int, rng: np.random.Generator) -> Split:
    """Leave `num_kept` films of one class, whole groups first, and all films of the others.

    Raises:
        ValueError: The class has not more films than that.
    """
    members = np.flatnonzero(films.labels == label)
    if len(members) <= num_kept:
        raise ValueError(f"The class has {len(members)} films: too few to cut down to {num_kept}.")
    groups = rng.permutation(np.unique(films.groups[members]))
    rank = {group: place for place, group in enumerate(groups.tolist())}
    order = np.argsort([rank[group] for group in films.groups[members].tolist()], kind="stable")
    keeps = films.labels != label
    keeps[members[order[:num_kept]]] = True
    return films.where(keeps)


def synthetic_arm(imbalanced: Split, rare: int, synthetic: Pixels, share: float) -> Arm:
    """Top one class up: as oversampling, but part of what is drawn of the class is synthetic.

    Args:
        imbalanced: The real films.
        rare: The class.
        synthetic: Films of it, (n, size, size), from a model of `imbalanced` alone.
        share: How much of what is drawn of the class is synthetic, in [0, 1].
    """
    films = with_films(imbalanced, synthetic, rare)
    new = films.labels[len(imbalanced) :]
    return Arm(films, mixed_chances(imbalanced.labels, new, share))


def with_films(films: Split, pixels: Pixels, label: int) -> Split:
    """Add films of one class, each independent of all others."""
    new = np.arange(len(pixels)) + films.groups.max() + 1
    return Split(
        np.concatenate([films.pixels, pixels]),
        np.concatenate([films.labels, np.full(len(pixels), label, films.labels.dtype)]),
        np.concatenate([films.groups, new.astype(films.groups.dtype)]),
    )
