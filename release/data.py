"""Real images as the release sees them: pixels, classes, patients and folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (n, size, size), each in 0..255


def class_weights(labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float64]:
    """Return how much of each class images of one class show, (n, classes): all or nothing.

    Args:
        labels: (n,), the number of each image's class; -1 where nothing is said of an image, which
            then counts for no class.
        num_classes: How many classes there are.
    """
    return np.asarray(labels[:, None] == np.arange(num_classes), np.float64)


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images, and what and whose each one is.

    Attributes:
        pixels: (n, size, size).
        labels: (n,), the number of each image's class.
        patients: (n,), images of one number are of one patient or near duplicates of each other.
    """

    pixels: Pixels
    labels: NDArray[np.int64]
    patients: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not len(self.pixels) == len(self.labels) == len(self.patients):
            raise ValueError(
                f"{len(self.pixels)} images, {len(self.labels)} labels and {len(self.patients)} "
                "patients: expected one label and one patient for each image."
            )

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> LabelledImages:
        """Return the images that a mask or their numbers choose."""
        return LabelledImages(self.pixels[chosen], self.labels[chosen], self.patients[chosen])


@dataclass(frozen=True, eq=False)
class Folds:
    """The images of one dataset version, divided by patient once and for all.

    Attributes:
        classes: Names of the classes, in the order of their numbers.
        trained: T, all that models learn from: the remainder, and A_in.
        coins: (len(trained),), true for A_in, which a fair coin per patient brought in.
        audit: H = A_out, which the coin kept out: no model ever learns from it.
        utility: U, which tests what a set is good for and is seen by nobody before.
        fingerprint: Names the division.
    """

    classes: tuple[str, ...]
    trained: LabelledImages
    coins: NDArray[np.bool_]
    audit: LabelledImages
    utility: LabelledImages
    fingerprint: str
