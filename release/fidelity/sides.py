"""What is compared: a synthetic set, real images in whose place it stands, and held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from release.data import LabelledImages
from release.fidelity.kid import Sample

MIN_INDEPENDENT = 3  # patients of a class: the bootstrap of fewer would often draw one alone
MAX_IMAGES = 3000  # of each set: more would cost time, and H sets the width of the intervals


@dataclass(frozen=True, eq=False)
class Viewed:
    """Images, their features (n, d) and whether the classifier agrees with their labels (n,)."""

    images: LabelledImages
    features: NDArray[np.float64]
    agrees: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> Viewed:
        """Keep some of the images, by mask or by index."""
        return Viewed(self.images.where(chosen), self.features[chosen], self.agrees[chosen])

    def of(self, label: int) -> Viewed:
        """Keep the images of one class."""
        return self.where(self.images.labels == label)

    def num_patients(self) -> int:
        """Count what is independent."""
        return len(np.unique(self.images.patients))

    def sample(self) -> Sample:
        """Give KID what it asks for."""
        return Sample(self.features, self.images.patients)


@dataclass(frozen=True, eq=False)
class Sides:
    """The set S, the real images U in whose place it stands, and H, to compare both with."""

    synthetic: Viewed
    utility: Viewed
    audit: Viewed

    def each(self) -> tuple[Viewed, Viewed, Viewed]:
        """List S, U and H."""
        return self.synthetic, self.utility, self.audit

    def of(self, labels: Sequence[int]) -> Sides:
        """Keep the images of some classes."""
        return Sides(*(each.where(np.isin(each.images.labels, labels)) for each in self.each()))

    def labels(self) -> list[int]:
        """List the classes that S has images of."""
        found: list[int] = np.unique(self.synthetic.images.labels).tolist()
        return found

    def evened(self) -> Sides:
        """Leave as many images of each class in S and U, in U's proportions."""
        ours, theirs = (
            {label: np.flatnonzero(each.images.labels == label) for label in self.labels()}
            for each in (self.synthetic, self.utility)
        )
        share = min(1.0, *(len(ours[k]) / max(1, len(theirs[k])) for k in ours))
        num_kept = {k: int(share * len(theirs[k]) + 1e-9) for k in ours}
        kept = [
            np.concatenate([places[k][: num_kept[k]] for k in places]) for places in (ours, theirs)
        ]
        return Sides(self.synthetic.where(kept[0]), self.utility.where(kept[1]), self.audit)


def comparable(sides: Sequence[Viewed], num_classes: int) -> list[int]:
    """List the classes with enough patients on every side."""
    return [
        label
        for label in range(num_classes)
        if all(each.of(label).num_patients() >= MIN_INDEPENDENT for each in sides)
    ]


def drawn_evenly(
    labels: NDArray[np.int64], num_classes: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw at most 3,000 images, equally many of each class where it has them, in random order."""
    most = max(100, MAX_IMAGES // num_classes)
    drawn = [rng.permutation(np.flatnonzero(labels == label))[:most] for label in np.unique(labels)]
    return np.concatenate(drawn)
