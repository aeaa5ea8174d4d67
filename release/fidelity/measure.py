"""Measure how like real images a synthetic set is, against the floor that real images set.

The set and the real test images, which no model has seen, are each compared with the holdout. So
every figure of the set stands beside the one that real images would get in its place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.cancellation import check_cancelled
from release.data import LabelledImages, Pixels, Splits
from release.features.classifier import ImageClassifier, read
from release.features.extractors import ClassifierExtractor, Extractor
from release.fidelity.compare import (
    MIN_PATIENTS_OF_CLASS,
    ReadImages,
    Sides,
    comparable,
    drawn_evenly,
)
from release.fidelity.kid import Sample, kid
from release.fidelity.metrics import AGREEMENT, KID, label_agreement, measure_all
from release.fidelity.results import ALL, ExtractorSummary, Fidelity, FidelityRow
from release.fidelity.validity import Validity
from release.stats.estimate import Estimate

NUM_MEAN_IMAGES = 50  # of each class


def measure_fidelity(
    classifier: ImageClassifier,
    splits: Splits,
    pixels: Pixels,
    labels: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    extractor: Extractor | None = None,
) -> Fidelity:
    """Measure a set; the same images and random source give the same figures.

    Args:
        classifier: Trained on the training images alone; it says whether labels agree.
        splits: The real images.
        pixels: (n, size, size), the set, each image an independent draw.
        labels: (n,), places in `splits.classes`; -1 for an image of no class, which is only looked
            at in a set that has no others.
        rng: Draws the images that are compared and the bootstrap.
        extractor: Where features come from; the classifier when None.

    Raises:
        ValueError: No class has three patients in each of set, holdout and test images.
    """
    seen_by = extractor or ClassifierExtractor(classifier)

    def opened(images: LabelledImages) -> ReadImages:
        check_cancelled()
        drawn = images.where(drawn_evenly(images.labels, len(splits.classes), rng))
        reading = read(classifier, drawn.pixels)
        check_cancelled()
        features = extractor.features(drawn.pixels) if extractor else reading.features
        return ReadImages(drawn, features, reading.predictions == drawn.labels)

    synthetic = LabelledImages(pixels, labels, np.arange(len(labels)))
    sides = Sides(*(opened(images) for images in (synthetic, splits.test, splits.holdout)))
    rows = []
    for label in np.unique(labels[labels >= 0]).tolist():
        check_cancelled()
        num_images = int((labels == label).sum())
        rows.append(_row(splits.classes[label], num_images, sides.of([label]), rng))
    check_cancelled()
    weighed = comparable(sides.each(), range(len(splits.classes)))
    if weighed:
        num_images = int(np.isin(labels, weighed).sum())
        rows.append(_row(ALL, num_images, sides.of(weighed), rng))
    check_cancelled()
    return Fidelity(
        ExtractorSummary(seen_by.name, seen_by.digest, seen_by.preparation),
        tuple(rows),
        _validity(rows[-1] if weighed else None, weighed, sides, splits, seen_by, rng),
    )


def _row(label: str, num_images: int, sides: Sides, rng: np.random.Generator) -> FidelityRow:
    synthetic, test = sides.comparisons(rng)
    return FidelityRow(
        label=label,
        num_images=num_images,
        num_compared=len(synthetic.evened.images),
        synthetic=measure_all(synthetic),
        floor=measure_all(test),
    )


def _validity(
    everything: FidelityRow | None,
    weighed: list[int],
    sides: Sides,
    splits: Splits,
    extractor: Extractor,
    rng: np.random.Generator,
) -> Validity:
    """Place the set between real images and mean images.

    Args:
        everything: The row of all classes; None for a set without labels, in which case all
            classes of the holdout together stand for what its images should be.
        weighed: The classes of that row.
        sides: What is compared.
        splits: The real images.
        extractor: Where features come from.
        rng: Draws the bootstrap.
    """
    labels = weighed or comparable([sides.test, sides.holdout], range(len(splits.classes)))
    unlabelled = sides.synthetic.where(sides.synthetic.images.labels < 0)
    if not labels or (everything is None and unlabelled.num_patients() < MIN_PATIENTS_OF_CLASS):
        raise ValueError(
            f"Validity needs {MIN_PATIENTS_OF_CLASS} images of a class, in the set and unseen."
        )
    if everything is None:
        holdout = [sides.holdout.sample()]
        found = kid([unlabelled.sample()], holdout, rng)
        floor = kid([sides.test.sample()], holdout, rng)
        agreement = None
    else:
        of_set, of_test = everything.synthetic[KID.name], everything.floor[KID.name]
        assert of_set is not None, "the classes of the row have enough patients on every side"
        assert of_test is not None, "the classes of the row have enough patients on every side"
        found, floor, agreement = of_set, of_test, everything.synthetic[AGREEMENT.name]
    means = [splits.train.pixels[splits.train.labels == k].mean(0) for k in labels]
    points = extractor.features(np.stack(means).round().astype(np.uint8))
    same = [
        Sample(np.repeat(point[None], NUM_MEAN_IMAGES, 0), np.arange(NUM_MEAN_IMAGES))
        for point in points
    ]
    chance = 1 / len(splits.classes)
    return Validity(
        kid=found,
        kid_floor=floor,
        kid_ceiling=kid(same, [sides.holdout.of(label).sample() for label in labels], rng),
        agreement=agreement,
        real_accuracy=label_agreement(sides.test, labels),
        chance=Estimate(chance, chance, chance),
    )
