"""Real images as the release sees them: pixels, classes, patients and splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]  # (n, size, size), each in 0..255
SMALLEST = 1e-9  # of a distance: keeps ratios finite where images are equal


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
class Splits:
    """The images of one dataset version, divided by patient once and for all.

    Attributes:
        classes: Names of the classes, in the order of their numbers.
        train: What models learn from; in texts also T.
        included: (len(train),), images of the audit pool's patients who were included in the
            training, each by a fair random draw. The others of the pool are the holdout.
        holdout: What no model ever learns from; in texts also H.
        test: What the utility of a set is tested on, and nobody sees before; in texts also U.
        fingerprint: Names the division.
    """

    classes: tuple[str, ...]
    train: LabelledImages
    included: NDArray[np.bool_]
    holdout: LabelledImages
    test: LabelledImages
    fingerprint: str
