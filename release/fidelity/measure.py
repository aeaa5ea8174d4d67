"""Measure how like real images a synthetic set is, against the floor that real images set.

The set S and the real images U, which nobody has seen, are each compared with the held-out images
H. So every figure of the set stands beside the one that real images would get in its place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.cancellation import check_cancelled
from release.data import LabelledImages, Pixels, Splits
from release.features.classifier import ImageClassifier, read
from release.features.extractors import ClassifierExtractor, Extractor
from release.fidelity.compare import agreement, likeness
from release.fidelity.kid import Sample, kid
from release.fidelity.results import Fidelity, Row
from release.fidelity.sides import MIN_INDEPENDENT, Sides, Viewed, comparable, drawn_evenly
from release.fidelity.validity import Validity
from release.stats.intervals import Estimate

ALL = "all"
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
        classifier: Trained on T alone; it answers whether images agree with their labels.
        splits: The real images.
        pixels: (n, size, size), the set, each image an independent draw.
        labels: (n,), places in `splits.classes`; -1 for an image of no class, which is only looked
            at in a set that has no others.
        rng: Draws the images that are compared and the bootstrap.
        extractor: Where features come from; the classifier when None.

    Raises:
        ValueError: No class has three patients in each of S, H and U.
    """
    seen_by = extractor or ClassifierExtractor(classifier)

    def view(images: LabelledImages) -> Viewed:
        check_cancelled()
        drawn = images.where(drawn_evenly(images.labels, len(splits.classes), rng))
        reading = read(classifier, drawn.pixels)
        check_cancelled()
        features = extractor.features(drawn.pixels) if extractor else reading.features
        return Viewed(drawn, features, reading.predictions == drawn.labels)

    synthetic = LabelledImages(pixels, labels, np.arange(len(labels)))
    sides = Sides(*(view(images) for images in (synthetic, splits.test, splits.holdout)))
    rows = []
    for label in np.unique(labels[labels >= 0]).tolist():
        check_cancelled()
        num_images = int((labels == label).sum())
        rows.append(_row(splits.classes[label], num_images, sides.of([label]), rng))
    check_cancelled()
    weighed = comparable(sides.each(), len(splits.classes))
    if weighed:
        num_images = int(np.isin(labels, weighed).sum())
        rows.append(_row(ALL, num_images, sides.of(weighed), rng))
    check_cancelled()
    validity = _validity(rows[-1] if weighed else None, sides, splits, seen_by, rng)
    return Fidelity(seen_by.name, seen_by.digest, seen_by.preparation, tuple(rows), validity)


def _row(label: str, num_images: int, sides: Sides, rng: np.random.Generator) -> Row:
    evened = sides.evened()
    return Row(
        label=label,
        num_images=num_images,
        num_compared=len(evened.synthetic.images),
        found=likeness(sides.synthetic, evened.synthetic, sides.audit, rng),
        floor=likeness(sides.utility, evened.utility, sides.audit, rng),
    )


def _validity(
    everything: Row | None,
    sides: Sides,
    splits: Splits,
    extractor: Extractor,
    rng: np.random.Generator,
) -> Validity:
    unlabelled = sides.synthetic.where(sides.synthetic.images.labels < 0)
    labels = comparable([sides.utility, sides.audit], len(splits.classes))
    if not labels or (everything is None and unlabelled.num_patients() < MIN_INDEPENDENT):
        raise ValueError(
            f"Validity needs {MIN_INDEPENDENT} images of a class, in the set and unseen."
        )
    if everything is None:  # mixtures alone: all classes together stand for what they should be
        crowd = sides.audit.sample()
        found = kid([unlabelled.sample()], [crowd], rng)
        floor = kid([sides.utility.sample()], [crowd], rng)
    else:
        assert everything.found.kid is not None
        assert everything.floor.kid is not None
        found, floor = everything.found.kid, everything.floor.kid
        labels = comparable(sides.each(), len(splits.classes))
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
        kid_ceiling=kid(same, [sides.audit.of(label).sample() for label in labels], rng),
        agreement=None if everything is None else everything.found.agreement,
        real_accuracy=agreement(sides.utility, labels),
        chance=Estimate(chance, chance, chance),
    )
