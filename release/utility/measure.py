"""Measure how useful a synthetic set is: train small classifiers with it, test on real images.

Every classifier makes the same number of updates, whatever it learns from, and is tested on the
test images alone, which no model has learned from.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.data import LabelledImages, Pixels, Splits
from release.features.classifier import read
from release.features.classifier_training import fit_classifier
from release.utility.arms import (
    OVERSAMPLED,
    REAL,
    REAL_AND_SYNTHETIC,
    SYNTHETIC,
    TRAINED_ON,
    WEIGHTED,
    Arm,
    all_arms,
    even_arm,
)
from release.utility.learning_curve import SHARES, equivalent_size, part_of
from release.utility.results import ArmScores, EquivalentSize, Gain, LearningPoint, Utility
from release.utility.scores import SCORES, PairedBootstrap, auroc

NUM_SEEDS = 5
IMAGES_TO_SEE = 16_000

Array = NDArray[np.float64]


def measure_utility(
    splits: Splits,
    pixels: Pixels,
    labels: NDArray[np.int64],
    *,
    num_seeds: int = NUM_SEEDS,
    images_to_see: int = IMAGES_TO_SEE,
    seed: int = 0,
    subgroups: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Utility:
    """Measure a set; the same images and seed give the same figures.

    Args:
        splits: The real images; classifiers learn from the training images, and are tested on
            the test images.
        pixels: (n, size, size), the set.
        labels: (n,), places in `splits.classes`; images of -1 are not used.
        num_seeds: How often each classifier is trained; one or two for a quick look.
        images_to_see: Length of each training.
        seed: Of everything drawn here.
        subgroups: Test images, (m,), by the name of the group that they are of.

    Raises:
        ValueError: The set has no labelled images, or the test images are of less than two
            classes.
    """
    labelled = labels >= 0
    if not labelled.any():
        raise ValueError("Only labelled images can be trained with, and the set has none.")
    synthetic = LabelledImages(pixels[labelled], labels[labelled], np.flatnonzero(labelled))
    rng = np.random.default_rng(seed)
    bootstrap = PairedBootstrap(splits.test, len(splits.classes), num_seeds, rng)
    if not bootstrap.classes():
        raise ValueError("Utility is tested on images of at least two classes.")

    def tried(arm: Arm) -> list[Array]:
        return [_chances(arm, splits, seed + k, images_to_see) for k in range(num_seeds)]

    scored, areas = [], {}
    for name, arm in all_arms(splits.train, synthetic).items():
        found = _Scored(bootstrap, tried(arm))
        areas[name] = found.macro("auroc")
        scored.append(found.estimated(name, len(arm.images.labels), splits.classes, subgroups))
    parts = [part_of(splits.train, share, rng) for share in SHARES]
    curve = [_area(bootstrap, tried(even_arm(part))) for part in parts]
    curve.append(areas[OVERSAMPLED])
    sizes = [*(len(part) for part in parts), len(splits.train)]
    gains = [
        _gain(bootstrap, arm, over, areas)
        for arm in (SYNTHETIC, REAL_AND_SYNTHETIC)
        for over in (REAL, WEIGHTED, OVERSAMPLED)
    ]
    return Utility(
        num_seeds=num_seeds,
        images_to_see=images_to_see,
        arms=tuple(scored),
        gains=tuple(gains),
        learning_curve=tuple(
            LearningPoint(size, bootstrap.estimate(area))
            for size, area in zip(sizes, curve, strict=True)
        ),
        equivalent_size=_equivalent(bootstrap, sizes, curve, areas[SYNTHETIC]),
        rebalancing_helps=all(each.helps for each in gains if each.arm == REAL_AND_SYNTHETIC),
    )


def _chances(arm: Arm, splits: Splits, seed: int, images_to_see: int) -> Array:
    """Train a classifier; return how likely each test image is to be of each class."""
    num_classes = len(splits.classes)
    classifier = fit_classifier(
        arm.images, arm.chances, num_classes, seed, images_to_see, arm.class_weights
    )
    return read(classifier, splits.test.pixels).chances


class _Scored:
    """Every score of every class, (num_seeds, 1 + R) each."""

    def __init__(self, bootstrap: PairedBootstrap, trials: list[Array]) -> None:
        self._bootstrap = bootstrap
        self._trials = trials
        self._found = {
            title: {label: bootstrap.score(trials, score, label) for label in bootstrap.classes()}
            for title, score in SCORES.items()
        }

    def macro(self, title: str) -> Array:
        """Average a score over the classes."""
        average: Array = np.mean(list(self._found[title].values()), 0)
        return average

    def estimated(
        self,
        name: str,
        num_images: int,
        classes: tuple[str, ...],
        subgroups: Mapping[str, NDArray[np.bool_]] | None,
    ) -> ArmScores:
        """Estimate the scores from the replicates."""
        estimate = self._bootstrap.estimate
        return ArmScores(
            name=name,
            trained_on=TRAINED_ON[name],
            num_images=num_images,
            scores={title: estimate(self.macro(title)) for title in SCORES},
            by_class={
                classes[label]: {title: estimate(self._found[title][label]) for title in SCORES}
                for label in self._bootstrap.classes()
            },
            by_subgroup={
                group: estimate(_area(self._bootstrap, self._trials, among))
                for group, among in (subgroups or {}).items()
                if self._bootstrap.classes(among)
            },
        )


def _area(
    bootstrap: PairedBootstrap, trials: list[Array], among: NDArray[np.bool_] | None = None
) -> Array:
    """Average AUROC over the classes, (num_seeds, 1 + R)."""
    by_class = [bootstrap.score(trials, auroc, label, among) for label in bootstrap.classes(among)]
    average: Array = np.mean(by_class, 0)
    return average


def _gain(bootstrap: PairedBootstrap, arm: str, over: str, areas: Mapping[str, Array]) -> Gain:
    differences = areas[arm] - areas[over]
    return Gain.of(arm, over, bootstrap.estimate(differences), bootstrap.over_seeds(differences))


def _equivalent(
    bootstrap: PairedBootstrap, sizes: list[int], curve: list[Array], synthetic: Array
) -> EquivalentSize:
    return equivalent_size(
        sizes,
        np.array([area[:, 0].mean() for area in curve]),
        float(synthetic[:, 0].mean()),
        np.stack([bootstrap.replicates(area) for area in curve], 1),
        bootstrap.replicates(synthetic),
    )
