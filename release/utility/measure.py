"""Measure what a synthetic set is good for: train small classifiers with it, test on real images.

Every classifier makes the same number of updates, whatever it learns from, and is tested on the
images U alone, which no model has learned from.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.data import LabelledImages, Pixels, Splits
from release.features.classifier import read
from release.features.classifier_training import fit_classifier
from release.utility.arms import Arm, even_arm, mixed_arm, real_arms
from release.utility.learning_curve import SHARES, EquivalentSize, Point, equivalent_size, part_of
from release.utility.results import (
    OVERSAMPLED,
    REAL,
    REAL_AND_SYNTHETIC,
    SYNTHETIC,
    WEIGHTED,
    ArmScores,
    Gain,
    Utility,
)
from release.utility.scores import SCORES, auroc
from release.utility.trials import Panel

NUM_SEEDS = 5
IMAGES_TO_SEE = 16_000
SYNTHETIC_SHARE = 0.5  # of what is drawn of a class, where real and synthetic images are mixed

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
        splits: The real images; classifiers learn from T and are tested on U.
        pixels: (n, size, size), the set.
        labels: (n,), places in `splits.classes`; images of -1 are not used.
        num_seeds: How often each classifier is trained; one or two for a quick look.
        images_to_see: Length of each training.
        seed: Of everything drawn here.
        subgroups: Images of U, (m,), by the name of the group that they are of.

    Raises:
        ValueError: The set has no labelled images, or U has images of less than two classes.
    """
    labelled = labels >= 0
    if not labelled.any():
        raise ValueError("Only labelled images can be trained with, and the set has none.")
    synthetic = LabelledImages(pixels[labelled], labels[labelled], np.flatnonzero(labelled))
    rng = np.random.default_rng(seed)
    panel = Panel(splits.test, len(splits.classes), num_seeds, rng)
    if not panel.classes():
        raise ValueError("Utility is tested on images of at least two classes.")

    def tried(arm: Arm) -> list[Array]:
        return [_chances(arm, splits, seed + k, images_to_see) for k in range(num_seeds)]

    scored, areas = [], {}
    for name, arm in _arms(splits.train, synthetic).items():
        found = _Scored(panel, tried(arm))
        areas[name] = found.macro("auroc")
        scored.append(found.described_as(name, len(arm.images.labels), splits.classes, subgroups))
    parts = [part_of(splits.train, share, rng) for share in SHARES]
    curve = [_area(panel, tried(even_arm(part))) for part in parts]
    curve.append(areas[OVERSAMPLED])
    sizes = [*(len(part) for part in parts), len(splits.train)]
    return Utility(
        num_seeds=num_seeds,
        images_to_see=images_to_see,
        arms=tuple(scored),
        gains=tuple(
            _gain(panel, arm, over, areas)
            for arm in (SYNTHETIC, REAL_AND_SYNTHETIC)
            for over in (REAL, WEIGHTED, OVERSAMPLED)
        ),
        learning_curve=tuple(
            Point(size, panel.estimate(area)) for size, area in zip(sizes, curve, strict=True)
        ),
        equivalent=_equivalent(panel, sizes, curve, areas[SYNTHETIC]),
    )


def _arms(real: LabelledImages, synthetic: LabelledImages) -> dict[str, Arm]:
    """Lay out the ways to train; see `TRAINED_ON`."""
    as_they_are, weighted, oversampled = real_arms(real).values()
    return {
        REAL: as_they_are,
        WEIGHTED: weighted,
        OVERSAMPLED: oversampled,
        SYNTHETIC: even_arm(synthetic),
        REAL_AND_SYNTHETIC: mixed_arm(real, synthetic, SYNTHETIC_SHARE),
    }


def _chances(arm: Arm, splits: Splits, seed: int, images_to_see: int) -> Array:
    """Train a classifier and let it say how likely each image of U is to be of each class."""
    num_classes = len(splits.classes)
    classifier = fit_classifier(
        arm.images, arm.chances, num_classes, seed, images_to_see, arm.class_weights
    )
    return read(classifier, splits.test.pixels).chances


class _Scored:
    """Every score of every class, (num_seeds, 1 + R) each."""

    def __init__(self, panel: Panel, trials: list[Array]) -> None:
        self._panel = panel
        self._trials = trials
        self._found = {
            title: {label: panel.score(trials, score, label) for label in panel.classes()}
            for title, score in SCORES.items()
        }

    def macro(self, title: str) -> Array:
        """Average a score over the classes."""
        average: Array = np.mean(list(self._found[title].values()), 0)
        return average

    def described_as(
        self,
        name: str,
        num_images: int,
        classes: tuple[str, ...],
        subgroups: Mapping[str, NDArray[np.bool_]] | None,
    ) -> ArmScores:
        """Estimate the scores from the replicates."""
        estimate = self._panel.estimate
        return ArmScores(
            name=name,
            num_images=num_images,
            scores={title: estimate(self.macro(title)) for title in SCORES},
            by_class={
                classes[label]: {title: estimate(self._found[title][label]) for title in SCORES}
                for label in self._panel.classes()
            },
            by_subgroup={
                group: estimate(_area(self._panel, self._trials, among))
                for group, among in (subgroups or {}).items()
                if self._panel.classes(among)
            },
        )


def _area(panel: Panel, trials: list[Array], among: NDArray[np.bool_] | None = None) -> Array:
    """Average AUROC over the classes, (num_seeds, 1 + R)."""
    by_class = [panel.score(trials, auroc, label, among) for label in panel.classes(among)]
    average: Array = np.mean(by_class, 0)
    return average


def _gain(panel: Panel, arm: str, over: str, areas: Mapping[str, Array]) -> Gain:
    differences = areas[arm] - areas[over]
    return Gain(arm, over, panel.estimate(differences), panel.over_seeds(differences))


def _equivalent(
    panel: Panel, sizes: list[int], curve: list[Array], synthetic: Array
) -> EquivalentSize:
    return equivalent_size(
        sizes,
        np.array([area[:, 0].mean() for area in curve]),
        float(synthetic[:, 0].mean()),
        np.stack([panel.replicates(area) for area in curve], 1),
        panel.replicates(synthetic),
    )
