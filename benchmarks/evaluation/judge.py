"""What is measured of a set of images, class by class and over all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.memorisation import closeness
from benchmarks.evaluation.real_images import LabelledSet, Labels, Pixels, RealImages
from release.features.classifier import ImageClassifier, read
from release.fidelity.kid import Sample, kid, kid_of_halves
from release.stats.estimate import Estimate
from release.stats.intervals import share

ALL = "all"
MIN_GROUPS = 4  # two in each half
RARE = 0.01  # share of the held-out images that count as unusually near to a training image


@dataclass(frozen=True)
class Row:
    """The figures of one class of one set, or of "all" classes weighing the same.

    Attributes:
        images: What the set is called.
        label: The class, or "all".
        num_images: How many the shares are of; in "all", as many of each class as the rarest has.
        kid: To the held-out images, from all images.
        agreement: Share that the classifier assigns to the label.
        near: Share that stands nearer to a training image than 99 of 100 held-out images do.
        nearer_than_ever: Share that stands nearer than every held-out image.
    """

    images: str
    label: str
    num_images: int
    kid: Estimate
    agreement: Estimate
    near: Estimate
    nearer_than_ever: float


class Judge:
    """Measures sets of images against the real ones.

    Args:
        images: The real images.
        classifier: Trained on their training side.
        seed: Of everything drawn here.

    Raises:
        ValueError: A class has too few independent held-out images to be judged by.
    """

    def __init__(self, images: RealImages, classifier: ImageClassifier, seed: int = 0) -> None:
        self.images = images
        self._classifier = classifier
        self._seed = seed
        _check_held_out(images)
        self._held_out = _by_label(self._read(images.held_out)[0], images.held_out)
        held_out_closeness = closeness(images.held_out.pixels, images.training.pixels)
        self._rare_closeness = float(np.quantile(held_out_closeness, RARE))
        self._least_closeness = float(held_out_closeness.min())

    def synthetic(self, name: str, pixels: Pixels, labels: Labels) -> list[Row]:
        """Measure synthetic images, each an independent draw.

        Args:
            name: Names the set in the table.
            pixels: (n, size, size), uint8.
            labels: (n,), places in `images.classes`; at least two images of each class.
        """
        return self._rows(name, LabelledSet(pixels, labels, np.arange(len(labels))))

    def controls(self, num_per_class: int) -> list[Row]:
        """Measure images whose worth is known: the floor and the ceilings of every figure.

        Training images are the floor that a model can reach by copying; held-out images have KID
        between random halves of themselves, and as agreement the classifier's own accuracy.

        Args:
            num_per_class: Images of each class in all but the held-out set.
        """
        training = self.images.training
        rng = np.random.default_rng(self._seed)
        labels = np.repeat(np.arange(len(self.images.classes)), num_per_class)
        noise = rng.integers(0, 256, (len(labels), *training.pixels.shape[1:]), np.uint8)
        means = [
            training.pixels[training.labels == label].mean(0).round().astype(np.uint8)
            for label in range(len(self.images.classes))
        ]
        return [
            *self._rows("real, held out", self.images.held_out, halves=True),
            *self._rows("real, training", training.at_most(num_per_class, rng)),
            *self.synthetic("class-mean image", np.stack(means)[labels], labels),
            *self.synthetic("pixel noise", noise, labels),
        ]

    def _rows(self, name: str, images: LabelledSet, *, halves: bool = False) -> list[Row]:
        features, agrees = self._read(images)
        samples = _by_label(features, images)
        nearness = closeness(images.pixels, self.images.training.pixels)
        rng = np.random.default_rng(self._seed)

        def row(label: str, measured: list[int], judged: NDArray[np.int64]) -> Row:
            ours = [samples[k] for k in measured]
            theirs = [self._held_out[k] for k in measured]
            return Row(
                images=name,
                label=label,
                num_images=len(judged),
                kid=kid_of_halves(theirs, rng) if halves else kid(ours, theirs, rng),
                agreement=share(int(agrees[judged].sum()), len(judged)),
                near=share(int((nearness[judged] < self._rare_closeness).sum()), len(judged)),
                nearer_than_ever=float((nearness[judged] < self._least_closeness).mean()),
            )

        num_classes = len(self.images.classes)
        by_class = [np.flatnonzero(images.labels == k) for k in range(num_classes)]
        fewest = min(map(len, by_class))
        balanced = np.concatenate([rng.permutation(each)[:fewest] for each in by_class])
        return [
            *(row(self.images.classes[k], [k], by_class[k]) for k in range(num_classes)),
            row(ALL, list(range(num_classes)), balanced),
        ]

    def _read(self, images: LabelledSet) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        reading = read(self._classifier, images.pixels)
        return reading.features, reading.predictions == images.labels


def _check_held_out(images: RealImages) -> None:
    for label, name in enumerate(images.classes):
        groups = images.held_out.groups[images.held_out.labels == label]
        num_groups = len(np.unique(groups))
        if num_groups < MIN_GROUPS:
            raise ValueError(
                f"{name} has {num_groups} independent held-out images, and judging needs "
                f"{MIN_GROUPS}: give it more images, or leave the class out."
            )


def _by_label(features: NDArray[np.float64], images: LabelledSet) -> list[Sample]:
    return [
        Sample(features[images.labels == label], images.groups[images.labels == label])
        for label in range(int(images.labels.max()) + 1)
    ]
