"""How far what a model draws lies from what it learns from, while it trains: KID now and then.

The reference are training images outside the audit pool. So nothing is learned of held-out images,
and a model that copies its training images scores well: it says whether images still become more
like real ones, and nothing of memorising.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.config import FamilySampler
from models.family import Family
from models.registry import sampler_class
from models.sampling import sample_pixels
from models.seeding import preview_seed
from radiographs.splits.split import Split
from release.cancellation import check_cancelled
from release.data import Pixels
from release.fidelity.kid import Sample, kid
from release.fidelity.random_features import random_features
from release.stats.estimate import Estimate
from workers.train.spec import TrainingSpec

KID = "kid"  # the name of the metric; its 95 % interval is KID_LOW to KID_HIGH
KID_LOW, KID_HIGH = "kid_low", "kid_high"
MAX_SHARE = 0.02  # of the training's time
FRACTION_BETWEEN_LOOKS = 0.05
NUM_DRAWN = 64  # images of a look, of all classes together, or
MIN_PER_CLASS = 4  # so many of each, where that is more
NUM_REFERENCE = 384  # training images, of all classes together, or
MIN_REFERENCE_PER_CLASS = 16
PROBED = 8  # images, to find out what a look costs
_SEED = 0


class KidMonitor:
    """Compares images drawn now with training images, for at most a fiftieth of the time.

    It draws from seeds of its own, the same in every look, changes nothing and decides nothing.
    With a budget in images the model is the same with it; one in seconds pays its share.

    Args:
        reference: Training images of each class, (n, h, w), n > 1.
        sampler: How images are drawn.
        max_share: Of the training's time.
        clock: Gives the time in seconds, from anywhere.
    """

    def __init__(
        self,
        reference: Sequence[Pixels],
        sampler: FamilySampler,
        *,
        max_share: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._began = clock()
        self._sampler = sampler
        self._max_share = max_share
        self._clock = clock
        features = [random_features(each) for each in reference]
        everything = np.concatenate(features)
        self._mean, self._scale = everything.mean(0), everything.std(0) + 1e-6
        self._reference = [self._sample(each) for each in features]
        per_class = max(MIN_PER_CLASS, NUM_DRAWN // len(reference))
        self._labels = [label for _ in range(per_class) for label in range(len(reference))]
        self._price: float | None = None  # of a look, in seconds
        self._looked_at = 0.0
        self._spent = clock() - self._began

    @classmethod
    def of(cls, spec: TrainingSpec) -> Self | None:
        """Prepare it for a training; None where a class is too small.

        With differential privacy there is none either: no look is in the privacy budget.
        """
        if spec.privacy:
            return None
        reference = training_images(spec)
        if min(map(len, reference)) < 2:
            return None
        sampler = sampler_class(spec.request.family)()
        return cls(reference, sampler, max_share=MAX_SHARE)

    def due(self, fraction: float) -> bool:
        """Say whether another look can be afforded.

        Args:
            fraction: How much of the training is done.
        """
        if fraction - self._looked_at < FRACTION_BETWEEN_LOOKS:
            return False
        affordable = self._max_share * (self._clock() - self._began)
        return self._spent + (self._price or 0) <= affordable

    def measure(self, model: Family[Any, Any], fraction: float) -> Estimate | None:
        """Measure KID; None the first time, which is to find out what a look costs.

        Args:
            model: With its averaged weights, in evaluation mode.
            fraction: How much of the training is done.
        """
        began = self._clock()
        if self._price is None:
            self._drawn(model, PROBED)
            took = self._clock() - began
            self._price = took * math.ceil(len(self._labels) / PROBED)
            self._spent += took
            return None
        pixels = self._drawn(model, len(self._labels))
        found = self.compare(pixels, np.array(self._labels))
        self._price = self._clock() - began
        self._spent += self._price
        self._looked_at = fraction
        return found

    def compare(self, pixels: Pixels, labels: NDArray[np.int64]) -> Estimate:
        """Estimate KID between images of every class, (n, h, w) and (n,), and the reference."""
        drawn = [
            self._sample(random_features(pixels[labels == label]))
            for label in range(len(self._reference))
        ]
        return kid(drawn, self._reference, np.random.default_rng(_SEED))

    def _drawn(self, model: Family[Any, Any], num_images: int) -> Pixels:
        labels = self._labels[:num_images]
        seeds = [preview_seed(0, index) for index in range(len(labels))]
        images = []
        for pixels in sample_pixels(model, labels, seeds, self._sampler):
            check_cancelled()
            images.append(pixels)
        return np.concatenate(images)

    def _sample(self, features: NDArray[np.float64]) -> Sample:
        """Standardise features as the reference's are; each image counts as a patient's own."""
        return Sample((features - self._mean) / self._scale, np.arange(len(features)))


def training_images(spec: TrainingSpec) -> list[Pixels]:
    """Take images of each class that the model learns from, one of each patient.

    They are of the training split alone: the included patients of the audit pool have no part, and
    those set aside are not learned from.
    """
    store = spec.store
    images = store.images_of(Split.TRAIN, size=spec.request.image_size)
    aside = spec.set_aside[store.splits[store.trained] == Split.TRAIN]
    learned = np.flatnonzero(~aside)
    first = learned[np.unique(images.groups[learned], return_index=True)[1]]
    most = max(MIN_REFERENCE_PER_CLASS, NUM_REFERENCE // len(store.classes))
    found = []
    for label in range(len(store.classes)):
        of_class = first[images.labels[first] == label]
        evenly = np.linspace(0, max(0, len(of_class) - 1), min(len(of_class), most))
        found.append(images.pixels[of_class[evenly.astype(np.intp)]])
    return found
