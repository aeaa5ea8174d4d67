"""What the images are good for, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from release.stats.intervals import Estimate
from release.utility.learning_curve import EquivalentSize, Point

MEASURE = (
    "each class against the others, averaged over the classes, tested on real images that no model "
    "has seen; 95 % intervals by bootstrap over patients and seeds"
)


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


@dataclass(frozen=True)
class ArmScores:
    """How well a classifier does that was trained in one way.

    Attributes:
        name: Names the way, see `TRAINED_ON`.
        num_images: How many images it learned from.
        scores: Every score's mean over the classes.
        by_class: Every score of each class.
        by_subgroup: AUROC, mean over the classes, on each subgroup of the test images.
    """

    name: str
    num_images: int
    scores: Mapping[str, Estimate]
    by_class: Mapping[str, Mapping[str, Estimate]]
    by_subgroup: Mapping[str, Estimate]

    def described(self) -> dict[str, Any]:
        """Return the scores as JSON values."""
        return {
            "name": self.name,
            "trained_on": TRAINED_ON[self.name],
            "num_images": self.num_images,
            **_described(self.scores),
            "by_class": {label: _described(scores) for label, scores in self.by_class.items()},
        }


@dataclass(frozen=True)
class Gain:
    """How much higher AUROC is when trained in one way than in another.

    Attributes:
        arm: The way with synthetic images.
        over: The way with real ones.
        auroc: The paired difference; patients and seeds are drawn anew.
        over_seeds: Student's interval of the paired differences over the seeds alone; None where
            there is but one.
    """

    arm: str
    over: str
    auroc: Estimate
    over_seeds: Estimate | None

    @property
    def helps(self) -> bool:
        """Whether the gain is above 0 in both intervals; a single seed never shows it."""
        return self.auroc.low > 0 and self.over_seeds is not None and self.over_seeds.low > 0

    def described(self) -> dict[str, Any]:
        """Return the gain as JSON values."""
        return {
            "arm": self.arm,
            "over": self.over,
            "auroc": self.auroc.described(),
            "over_seeds": self.over_seeds and self.over_seeds.described(),
            "helps": self.helps,
        }


@dataclass(frozen=True)
class Utility:
    """What a synthetic set is good for.

    Attributes:
        num_seeds: How often each classifier was trained.
        images_to_see: How long.
        arms: The ways to train.
        gains: Each way with synthetic images against each without.
        learning_curve: What fewer real images give.
        equivalent: How many real images give what the synthetic ones alone give.
    """

    num_seeds: int
    images_to_see: int
    arms: tuple[ArmScores, ...]
    gains: tuple[Gain, ...]
    learning_curve: tuple[Point, ...]
    equivalent: EquivalentSize

    def helps(self, arm: str) -> bool:
        """Say whether a way with synthetic images is better than every way with real ones alone."""
        return all(gain.helps for gain in self.gains if gain.arm == arm)

    def described(self) -> dict[str, Any]:
        """Return the figures as JSON values, as `report.json` holds them."""
        return {
            "num_seeds": self.num_seeds,
            "measure": MEASURE,
            "arms": [arm.described() for arm in self.arms],
            "equivalent_real_images": self.equivalent.images.described(),
        }

    def described_in_full(self) -> dict[str, Any]:
        """Return the figures with gains, subgroups and the learning curve."""
        arms = [
            {**arm.described(), "by_subgroup": _described(arm.by_subgroup)} for arm in self.arms
        ]
        curve = [
            {"num_images": point.num_images, "auroc": point.auroc.described()}
            for point in self.learning_curve
        ]
        return {
            **self.described(),
            "images_to_see": self.images_to_see,
            "arms": arms,
            "gains": [gain.described() for gain in self.gains],
            "rebalancing_helps": self.helps(REAL_AND_SYNTHETIC),
            "learning_curve": curve,
            "equivalent_bound": self.equivalent.bound,
        }


def _described(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.described() for name, estimate in estimates.items()}
