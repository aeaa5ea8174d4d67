"""Real images as the release sees them: pixels, classes, patients and splits."""

from __future__ import annotations

import hashlib
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
class InheritedImages:
    """Images of other datasets that a model learned from before its training.

    Attributes:
        pixels: (n, size, size).
        patients: (n,), with the numbers that patients of the model's own dataset have there.
    """

    pixels: Pixels
    patients: NDArray[np.int64]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.patients)

    @property
    def digest(self) -> str:
        """SHA-256 of the images and whose they are, in hexadecimal."""
        found = hashlib.sha256()
        for values in (self.pixels, self.patients):
            found.update(f"{values.dtype} {values.shape}".encode())
            found.update(np.ascontiguousarray(values).data)
        return found.hexdigest()


@dataclass(frozen=True, eq=False)
class SearchedImages:
    """Real images that copies are searched among.

    Attributes:
        pixels: (n, size, size).
        patients: (n,).
        is_learned: (n,), which of them a model learned from.
    """

    pixels: Pixels
    patients: NDArray[np.int64]
    is_learned: NDArray[np.bool_]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.patients)


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
        inherited: What the model learned from before, of other datasets: copies are searched among
            these images as among T, and no other test is made with them. None where there are none.
    """

    classes: tuple[str, ...]
    train: LabelledImages
    included: NDArray[np.bool_]
    holdout: LabelledImages
    test: LabelledImages
    fingerprint: str
    inherited: InheritedImages | None = None

    @property
    def copied_from(self) -> SearchedImages:
        """All images that copies are searched among: T, H, and what is inherited."""
        parts: list[LabelledImages | InheritedImages] = [self.train, self.holdout]
        parts += [self.inherited] if self.inherited else []
        is_learned = [np.full(len(part), part is not self.holdout) for part in parts]
        return SearchedImages(
            np.concatenate([part.pixels for part in parts]),
            np.concatenate([part.patients for part in parts]),
            np.concatenate(is_learned),
        )
