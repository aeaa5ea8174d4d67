from __future__ import annotations

import numpy as np
import pytest

from benchmarks.evaluation.real_images import LabelledSet, RealImages
from release.features.classifier import ImageClassifier
from release.features.classifier_training import train_classifier

SIZE = 32


def toy_split(rng: np.random.Generator, num_per_class: int) -> LabelledSet:
    """Smooth random images, the bright half of which gives the class."""
    labels = np.repeat([0, 1], num_per_class)
    coarse = rng.normal(0, 40, (len(labels), 8, 8)).repeat(4, 1).repeat(4, 2)
    images = 110 + coarse + rng.normal(0, 4, (len(labels), SIZE, SIZE))
    images[labels == 0, :, : SIZE // 2] += 60
    images[labels == 1, :, SIZE // 2 :] += 60
    return LabelledSet(images.clip(0, 255).astype(np.uint8), labels, np.arange(len(labels)))


@pytest.fixture(scope="session")
def images() -> RealImages:
    rng = np.random.default_rng(0)
    return RealImages(("left", "right"), toy_split(rng, 100), toy_split(rng, 40), "f" * 64)


@pytest.fixture(scope="session")
def classifier(images: RealImages) -> ImageClassifier:
    return train_classifier(images.training, 2, seed=0, images_to_see=1600)
