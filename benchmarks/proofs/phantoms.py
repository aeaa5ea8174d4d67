"""Phantom images split as for a release, and the gate that the service would hold sets against."""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np

from radiographs.phantom import FINDINGS, draw
from release.data import LabelledImages, Splits, class_weights
from release.features.classifier import ImageClassifier
from release.features.classifier_training import train_classifier
from release.fidelity.measure import measure_fidelity
from release.fidelity.validity import Validity
from release.gate.context import Candidate
from release.gate.control_images import transformed_controls
from release.gate.gate import Gate
from release.gate.positive_controls import ControlResult
from release.gate.result import GateResult
from release.gate.set_neighbours import SetNeighbours
from release.similarity.copy_embedding import train_copy_metric
from release.similarity.copy_training import Recipe
from release.similarity.metric import Metric
from release.similarity.registered_pixels import PixelMetric
from workers.generate.gate_assets import (
    CLASSIFIER_PASSES,
    IMAGES,
    VIEWS,
    VIEWS_PER_IMAGE,
    search_of,
)

SIZE = 64  # pixels
NUM_TRAINED, NUM_AUDIT, NUM_UTILITY = 2000, 1000, 1000
SEED = 2026


def phantoms(first: int, num: int) -> LabelledImages:
    """Draw an image of each of so many patients; a number is always the same patient and image."""
    patients = np.arange(first, first + num)
    labels = patients % len(FINDINGS)
    images = [
        draw(FINDINGS[label], seed=SEED, index=patient, size=SIZE).pixels
        for patient, label in zip(patients.tolist(), labels.tolist(), strict=True)
    ]
    return LabelledImages(np.stack(images), labels, patients)


@cache
def _everyone() -> LabelledImages:
    return phantoms(0, NUM_TRAINED + NUM_AUDIT + NUM_UTILITY)


def division(num_trained: int = NUM_TRAINED) -> Splits:
    """Divide 4,000 patients, of whom the first few or all 2,000 of T are trained on."""
    everyone = _everyone()
    number = everyone.patients
    held_out = (number >= NUM_TRAINED) & (number < NUM_TRAINED + NUM_AUDIT)
    included = np.random.default_rng(SEED).random(num_trained) < NUM_AUDIT / NUM_TRAINED
    return Splits(
        classes=FINDINGS,
        train=everyone.where(number < num_trained),
        included=included,
        holdout=everyone.where(held_out),
        test=everyone.where(number >= NUM_TRAINED + NUM_AUDIT),
        fingerprint=f"phantoms-{num_trained}",
    )


class Bench:
    """One division of phantoms, and what the service would learn from it to examine sets.

    Attributes:
        splits: The images.
    """

    def __init__(self, splits: Splits) -> None:
        self.splits = splits

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Pixels, and copies learned from T and H alike."""
        num_images = len(self.splits.train) + len(self.splits.holdout)
        num_views = int(np.clip(VIEWS_PER_IMAGE * num_images, *VIEWS))
        return PixelMetric(), train_copy_metric(self.splits, recipe=Recipe(num_views=num_views))

    @cached_property
    def gate(self) -> Gate:
        """The gate under the default policy."""
        return Gate(self.splits, self.metrics, search=search_of(self.splits))

    @cached_property
    def controls(self) -> list[ControlResult]:
        """How many near duplicates of each kind the gate finds."""
        return [self.gate.measure(each) for each in transformed_controls(self.splits)]

    @cached_property
    def classifier(self) -> ImageClassifier:
        """Learned from T."""
        num_images = int(np.clip(CLASSIFIER_PASSES * len(self.splits.train), *IMAGES))
        return train_classifier(self.splits.train, len(FINDINGS), 0, num_images)

    def validity(self, images: LabelledImages) -> Validity:
        """Ask whether images look like real ones."""
        rng = np.random.default_rng(0)
        try:
            return measure_fidelity(
                self.classifier, self.splits, images.pixels, images.labels, rng
            ).validity
        except ValueError:  # too few patients to compare
            return Validity.unknown()

    def examined(self, images: LabelledImages, neighbours: SetNeighbours) -> GateResult:
        """Evaluate a set, as the service does.

        Args:
            images: The set, flagged images included.
            neighbours: The same, compared with the real images.
        """
        candidate = Candidate(
            images.pixels,
            class_weights(images.labels, len(self.splits.classes)),
            self.validity(images.where(~neighbours.flagged)),
            neighbours,
        )
        return self.gate.evaluate(candidate, self.controls)
