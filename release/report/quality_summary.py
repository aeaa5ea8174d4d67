"""What the report says of how real the images look and of what they are good for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from release.report.parts import Interval, Measured, Part


class Extractor(Part):
    """The network whose features the images are compared in, and how images were put before it."""

    name: str
    sha256: str
    preparation: str = ""


class FidelityRow(Part):
    """How near the images of a class (or "all") come to real ones.

    A floor is the same measure of unseen real images: what a perfect model would score.
    num_compared is how many images of either kind all but KID and agreement were measured on.
    """

    label: str
    num_images: int
    num_compared: int | None = None
    kid: Measured = None
    kid_floor: Measured = None
    fd: Measured = None
    fd_floor: Measured = None
    precision: Measured = None
    precision_floor: Measured = None
    recall: Measured = None
    recall_floor: Measured = None
    density: Measured = None
    density_floor: Measured = None
    coverage: Measured = None
    coverage_floor: Measured = None
    ms_ssim: Measured = None
    ms_ssim_floor: Measured = None
    agreement: Measured = None


class FidelitySummary(Part):
    """How real the images look to a network."""

    extractor: Extractor
    rows: tuple[FidelityRow, ...]


class Arm(Part):
    """A classifier trained on one mix of images and tested on real images nobody has seen."""

    name: str
    trained_on: str
    num_images: int
    auroc: Measured
    auprc: Measured = None
    f1: Measured = None
    sensitivity: Measured = None
    specificity: Measured = None
    calibration_error: Measured = None
    by_class: Mapping[str, Mapping[str, Measured]] = Field(default_factory=dict)
    by_subgroup: Mapping[str, Measured] = Field(default_factory=dict)


class Gain(Part):
    """How much better one arm does than another, paired; it helps where the interval is above 0."""

    arm: str
    over: str
    auroc: Interval
    over_seeds: Interval | None = None
    helps: bool


class LearningPoint(Part):
    """What a classifier reaches that learned from so many real images."""

    num_images: int
    auroc: Measured


class UtilitySummary(Part):
    """What the images are good for.

    Attributes:
        num_seeds: Trainings of each arm.
        measure: What the arms were compared by.
        arms: The mixes of images.
        equivalent_real_images: How many real images give the same; None where it cannot be said.
        equivalent_bound: Says that the number is only a bound, as the learning curve ends there.
        gains: Paired comparisons of arms.
        rebalancing_helps: Whether adding images to rare classes was shown to help.
        learning_curve: The curve that the equivalent number was read from.
        images_to_see: How long each classifier was trained.
    """

    num_seeds: int
    measure: str
    arms: tuple[Arm, ...]
    equivalent_real_images: Interval | None = None
    equivalent_bound: Literal["at_most", "at_least"] | None = None
    gains: tuple[Gain, ...] = ()
    rebalancing_helps: bool | None = None
    learning_curve: tuple[LearningPoint, ...] = ()
    images_to_see: int | None = None
