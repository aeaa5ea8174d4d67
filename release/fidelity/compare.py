"""What is compared: a synthetic set, real test images in its place, and the holdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.data import LabelledImages
from release.fidelity.kid import Sample
from release.fidelity.prdc import Neighbourhoods, neighbourhoods

MIN_PATIENTS_OF_CLASS = 3  # the bootstrap of fewer would often draw one alone
MIN_PATIENTS = 20  # on each side, for all but KID and label agreement
MAX_IMAGES = 3000  # of each set: more would cost time, and the holdout sets the intervals' width


@dataclass(frozen=True, eq=False)
class ReadImages:
    """Images, their features (n, d) and whether the classifier agrees with their labels (n,)."""

    images: LabelledImages
    features: NDArray[np.float64]
    agrees: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> ReadImages:
        """Keep some of the images, by mask or by index."""
        return ReadImages(self.images.where(chosen), self.features[chosen], self.agrees[chosen])

    def of(self, label: int) -> ReadImages:
        """Keep the images of one class."""
        return self.where(self.images.labels == label)

    def num_patients(self) -> int:
        """Count what is independent."""
        return len(np.unique(self.images.patients))

    def labels(self) -> list[int]:
        """List the classes that there are images of."""
        found: list[int] = np.unique(self.images.labels).tolist()
        return found

    def sample(self) -> Sample:
        """Return what KID is computed from."""
        return Sample(self.features, self.images.patients)


@dataclass(frozen=True, eq=False)
class Sides:
    """The synthetic set, the real test images, and the holdout that both are compared with."""

    synthetic: ReadImages
    test: ReadImages
    holdout: ReadImages

    def each(self) -> tuple[ReadImages, ReadImages, ReadImages]:
        """List the three."""
        return self.synthetic, self.test, self.holdout

    def of(self, labels: Sequence[int]) -> Sides:
        """Keep the images of some classes."""
        return Sides(*(each.where(np.isin(each.images.labels, labels)) for each in self.each()))

    def comparisons(self, rng: np.random.Generator) -> tuple[SetComparison, SetComparison]:
        """Compare the set, and the test images, with the holdout.

        Args:
            rng: Draws whatever the metrics draw.
        """
        synthetic, test = self._evened()
        return (
            SetComparison(self.synthetic, synthetic, self.holdout, rng),
            SetComparison(self.test, test, self.holdout, rng),
        )

    def _evened(self) -> tuple[ReadImages, ReadImages]:
        """Leave as many images of each class in both, in the test images' proportions."""
        ours, theirs = (
            {
                label: np.flatnonzero(each.images.labels == label)
                for label in self.synthetic.labels()
            }
            for each in (self.synthetic, self.test)
        )
        share = min(1.0, *(len(ours[k]) / max(1, len(theirs[k])) for k in ours))
        num_kept = {k: int(share * len(theirs[k]) + 1e-9) for k in ours}
        kept = [
            np.concatenate([places[k][: num_kept[k]] for k in places]) for places in (ours, theirs)
        ]
        return self.synthetic.where(kept[0]), self.test.where(kept[1])


@dataclass(frozen=True, eq=False)
class SetComparison:
    """Images against the holdout, as every metric of fidelity is given them.

    Attributes:
        images: All of them.
        evened: As many of each class as the other side has.
        holdout: Real images that no model learned from.
        rng: Draws whatever a metric draws.
    """

    images: ReadImages
    evened: ReadImages
    holdout: ReadImages
    rng: np.random.Generator

    @cached_property
    def has_all_classes(self) -> bool:
        """Whether both sides have enough patients of every class of the holdout."""
        labels = self.holdout.labels()
        return bool(labels) and labels == comparable([self.images, self.holdout], labels)

    @cached_property
    def is_large(self) -> bool:
        """Whether there are enough patients for measures of neighbourhoods and covariances."""
        fewest = min(self.evened.num_patients(), self.holdout.num_patients())
        return self.has_all_classes and fewest >= MIN_PATIENTS

    @cached_property
    def neighbourhoods(self) -> Neighbourhoods:
        """Return whose neighbourhoods the images fall in."""
        return neighbourhoods(self.holdout.features, self.evened.features)


def comparable(sides: Sequence[ReadImages], labels: Sequence[int]) -> list[int]:
    """Return the classes with enough patients on every side."""
    return [
        label
        for label in labels
        if all(each.of(label).num_patients() >= MIN_PATIENTS_OF_CLASS for each in sides)
    ]


def drawn_evenly(
    labels: NDArray[np.int64], num_classes: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw at most 3,000 images, equally many of each class where it has them, in random order."""
    most = max(100, MAX_IMAGES // num_classes)
    drawn = [rng.permutation(np.flatnonzero(labels == label))[:most] for label in np.unique(labels)]
    return np.concatenate(drawn)
