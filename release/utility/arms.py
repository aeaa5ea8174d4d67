"""Ways to train a classifier, with real images, with synthetic ones, and with both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from release.data import LabelledImages
from release.features.classifier_training import Labelled, evenly

SYNTHETIC_SHARE = 0.5  # of what is drawn of a class, where real and synthetic images are mixed
REAL = "real"
WEIGHTED = "real, class weights"
OVERSAMPLED = "real, oversampling"
SYNTHETIC = "synthetic"
REAL_AND_SYNTHETIC = "real + synthetic"
TRAINED_ON = {
    REAL: "real images, as they are",
    WEIGHTED: "real images, errors weighed by class",
    OVERSAMPLED: "real images, classes drawn equally often",
    SYNTHETIC: "synthetic images, classes drawn equally often",
    REAL_AND_SYNTHETIC: "real and synthetic images by halves, classes drawn equally often",
}


@dataclass(frozen=True, eq=False)
class Arm:
    """One way to train a classifier.

    Attributes:
        images: What it learns from.
        chances: (n,), how likely each image is to be drawn, in proportion.
        class_weights: What an error on each class costs, in proportion; None for all the same.
    """

    images: Labelled
    chances: Tensor
    class_weights: Tensor | None = None


def all_arms(real: LabelledImages, synthetic: LabelledImages) -> dict[str, Arm]:
    """Return every way to train, by the keys of `TRAINED_ON`."""
    return {
        **real_arms(real),
        SYNTHETIC: even_arm(synthetic),
        REAL_AND_SYNTHETIC: mixed_arm(real, synthetic, SYNTHETIC_SHARE),
    }


def real_arms(images: Labelled) -> dict[str, Arm]:
    """Return what the real images allow: nothing done, class weights, oversampling."""
    counts = torch.from_numpy(images.labels).bincount().float()
    as_they_are = torch.ones(len(images.labels), dtype=torch.float64)
    return {
        REAL: Arm(images, as_they_are),
        WEIGHTED: Arm(images, as_they_are, counts.sum() / (len(counts) * counts)),
        OVERSAMPLED: even_arm(images),
    }


def even_arm(images: Labelled) -> Arm:
    """Draw every class equally often."""
    return Arm(images, evenly(images.labels))


def mixed_arm(real: LabelledImages, synthetic: LabelledImages, share: float) -> Arm:
    """Draw every class equally often, and part of what is drawn of it is synthetic.

    Args:
        real: The real images, of every class.
        synthetic: The synthetic images; a class without any is drawn from the real ones alone.
        share: How much of what is drawn of a class is synthetic, in [0, 1].
    """
    return Arm(together(real, synthetic), mixed_chances(real.labels, synthetic.labels, share))


def mixed_chances(real: NDArray[np.int64], synthetic: NDArray[np.int64], share: float) -> Tensor:
    """Share the chance of every class among its real and its synthetic images.

    Args:
        real: (n,), labels of the real images.
        synthetic: (m,), those of the synthetic ones.
        share: The synthetic images' part of the chance of each class that has any.

    Returns:
        (n + m,), the real images first.
    """
    counts = torch.from_numpy(synthetic).bincount(minlength=int(real.max()) + 1)
    chances = evenly(real)
    of_class = torch.zeros(len(counts), dtype=torch.float64)
    of_class.index_add_(0, torch.from_numpy(real), chances)
    kept = torch.where((counts > 0)[real], 1 - share, 1.0) * chances
    added = share * (of_class / counts)[synthetic]
    return torch.cat([kept, added])


def together(first: LabelledImages, second: LabelledImages) -> LabelledImages:
    """Put two sets into one; no image of one is a patient's of the other."""
    apart = second.patients - second.patients.min() + first.patients.max() + 1
    return LabelledImages(
        np.concatenate([first.pixels, second.pixels]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.patients, apart]),
    )
