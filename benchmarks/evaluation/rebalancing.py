"""A training set in which one class is rare, and ways to learn from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.evaluation.classifier import evenly
from benchmarks.evaluation.real_films import Pixels, Split


@dataclass(frozen=True)
class Arm:
    """One way to train a classifier.

    Attributes:
        films: What it learns from.
        chances: (n,), how likely each film is to be drawn, in proportion.
        class_weights: What an error on each class costs, in proportion; None for all the same.
    """

    films: Split
    chances: Tensor
    class_weights: Tensor | None = None


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


def real_arms(imbalanced: Split) -> dict[str, Arm]:
    """Lay out what the real films allow: nothing done, class weights, oversampling."""
    counts = torch.from_numpy(imbalanced.labels).bincount().float()
    as_they_are = torch.ones(len(imbalanced), dtype=torch.float64)
    return {
        "as they are": Arm(imbalanced, as_they_are),
        "class weights": Arm(imbalanced, as_they_are, counts.sum() / (len(counts) * counts)),
        "oversampling": Arm(imbalanced, evenly(imbalanced.labels)),
    }


def synthetic_arm(imbalanced: Split, rare: int, synthetic: Pixels, share: float) -> Arm:
    """Top one class up: as oversampling, but part of what is drawn of the class is synthetic.

    Args:
        imbalanced: The real films.
        rare: The class.
        synthetic: Films of it, (n, size, size), from a model of `imbalanced` alone.
        share: How much of what is drawn of the class is synthetic, in [0, 1].
    """
    real = evenly(imbalanced.labels)
    is_rare = torch.from_numpy(imbalanced.labels) == rare
    drawn = torch.full((len(synthetic),), share * float(real[is_rare].sum()) / len(synthetic))
    kept = torch.where(is_rare, (1 - share) * real, real)
    return Arm(with_films(imbalanced, synthetic, rare), torch.cat([kept, drawn.double()]))


def with_films(films: Split, pixels: Pixels, label: int) -> Split:
    """Add films of one class, each independent of all others."""
    new = np.arange(len(pixels)) + films.groups.max() + 1
    return Split(
        np.concatenate([films.pixels, pixels]),
        np.concatenate([films.labels, np.full(len(pixels), label, films.labels.dtype)]),
        np.concatenate([films.groups, new.astype(films.groups.dtype)]),
    )
