"""How useful a set is: the figures, as they stand in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from release.stats.estimate import Estimate


@dataclass(frozen=True)
class ArmScores:
    """How well a classifier does that was trained in one way, on real test images.

    Attributes:
        name: Names the way, a key of `release.utility.arms.TRAINED_ON`.
        trained_on: The same in words.
        num_images: How many images it was trained on.
        scores: Every score's mean over the classes (`release.utility.scores.SCORES`).
        by_class: Every score of each class.
        by_subgroup: AUROC, mean over the classes, on each subgroup of the test images.
    """

    name: str
    trained_on: str
    num_images: int
    scores: Mapping[str, Estimate]
    by_class: Mapping[str, Mapping[str, Estimate]]
    by_subgroup: Mapping[str, Estimate]


@dataclass(frozen=True)
class Gain:
    """How much higher AUROC is when trained in one way than in another.

    Attributes:
        arm: The way with synthetic images.
        over: The way with real ones.
        auroc: The paired difference; patients and seeds are drawn anew.
        over_seeds: Student's interval of the paired differences over the seeds alone; None where
            there is but one.
        helps: Whether the gain is above 0 in both intervals; a single seed never shows it.
    """

    arm: str
    over: str
    auroc: Estimate
    over_seeds: Estimate | None
    helps: bool

    @classmethod
    def of(cls, arm: str, over: str, auroc: Estimate, over_seeds: Estimate | None) -> Gain:
        """Say whether a paired difference is a gain."""
        helps = auroc.low > 0 and over_seeds is not None and over_seeds.low > 0
        return cls(arm, over, auroc, over_seeds, helps)


@dataclass(frozen=True)
class LearningPoint:
    """A point of the learning curve: what a number of real images gives."""

    num_images: int
    auroc: Estimate


@dataclass(frozen=True)
class EquivalentSize:
    """The number of real images that gives the same AUROC as the synthetic ones.

    Attributes:
        num_images: The number and its interval, within what the learning curve covers.
        bound: "at_most" or "at_least" where the AUROC lies below or above the whole curve, so that
            the number is only its end.
    """

    num_images: Estimate
    bound: Literal["at_most", "at_least"] | None


@dataclass(frozen=True)
class Utility:
    """What a synthetic set is good for.

    Attributes:
        num_seeds: How often each classifier was trained.
        images_to_see: How long, in images.
        arms: The ways to train.
        gains: Each way with synthetic images against each without.
        learning_curve: What fewer real images give.
        equivalent_size: How many real images give what the synthetic ones alone give.
        rebalancing_helps: Whether real and synthetic images together are better than every way
            with real ones alone.
    """

    num_seeds: int
    images_to_see: int
    arms: tuple[ArmScores, ...]
    gains: tuple[Gain, ...]
    learning_curve: tuple[LearningPoint, ...]
    equivalent_size: EquivalentSize
    rebalancing_helps: bool
