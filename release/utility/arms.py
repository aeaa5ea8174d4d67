"""Ways to train a classifier, with real films, with synthetic ones, and with both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from release.classifier_training import Labelled, evenly
from release.films import LabelledFilms


@dataclass(frozen=True, eq=False)
class Arm:
    """One way to train a classifier.

    Attributes:
        films: What it learns from.
        chances: (n,), how likely each film is to be drawn, in proportion.
        class_weights: What an error on each class costs, in proportion; None for all the same.
    """

    films: Labelled
    chances: Tensor
    class_weights: Tensor | None = None


def real_arms(films: Labelled) -> dict[str, Arm]:
    """Lay out what the real films allow: nothing done, class weights, oversampling."""
    counts = torch.from_numpy(films.labels).bincount().float()
    as_they_are = torch.ones(len(films.labels), dtype=torch.float64)
    return {
        "as they are": Arm(films, as_they_are),
        "class weights": Arm(films, as_they_are, counts.sum() / (len(counts) * counts)),
        "oversampling": even_arm(films),
    }


def even_arm(films: Labelled) -> Arm:
    """Draw every class equally often."""
    return Arm(films, evenly(films.labels))


def mixed_arm(real: LabelledFilms, synthetic: LabelledFilms, share: float) -> Arm:
    """Draw every class equally often, and part of what is drawn of it is synthetic.

    Args:
        real: The real films, of every class.
        synthetic: The synthetic films; a class without any is drawn from the real ones alone.
        share: How much of what is drawn of a class is synthetic, in [0, 1].
    """
    return Arm(together(real, synthetic), mixed_chances(real.labels, synthetic.labels, share))


def mixed_chances(real: NDArray[np.int64], synthetic: NDArray[np.int64], share: float) -> Tensor:
    """Share the chance of every class among its real and its synthetic films.

    Args:
        real: (n,), labels of the real films.
        synthetic: (m,), those of the synthetic ones.
        share: The synthetic films' part of the chance of each class that has any.

    Returns:
        (n + m,), the real films first.
    """
    counts = torch.from_numpy(synthetic).bincount(minlength=int(real.max()) + 1)
    chances = evenly(real)
    of_class = torch.zeros(len(counts), dtype=torch.float64)
    of_class.index_add_(0, torch.from_numpy(real), chances)
    kept = torch.where((counts > 0)[real], 1 - share, 1.0) * chances
    added = share * (of_class / counts)[synthetic]
    return torch.cat([kept, added])


def together(first: LabelledFilms, second: LabelledFilms) -> LabelledFilms:
    """Put two sets into one; no film of one is a patient's of the other."""
    apart = second.patients - second.patients.min() + first.patients.max() + 1
    return LabelledFilms(
        np.concatenate([first.pixels, second.pixels]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.patients, apart]),
    )
