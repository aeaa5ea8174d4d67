from __future__ import annotations

import numpy as np
import pytest

from release.data import LabelledImages, Splits
from release.features.classifier import ImageClassifier
from release.features.classifier_training import train_classifier

SIZE = 32


def toy_images(rng: np.random.Generator, num_per_class: int, first_patient: int) -> LabelledImages:
    """Smooth random images, the bright half of which gives the class; some patients have two."""
    labels = np.repeat([0, 1], num_per_class)
    coarse = rng.normal(0, 40, (len(labels), 8, 8)).repeat(4, 1).repeat(4, 2)
    images = 110 + coarse + rng.normal(0, 4, (len(labels), SIZE, SIZE))
    images[labels == 0, :, : SIZE // 2] += 60
    images[labels == 1, :, SIZE // 2 :] += 60
    patients = first_patient + np.arange(len(labels))
    patients[1:10:2] = patients[0:10:2]
    return LabelledImages(images.clip(0, 255).astype(np.uint8), labels, patients)


@pytest.fixture(scope="session")
def toy_splits() -> Splits:
    rng = np.random.default_rng(0)
    trained = toy_images(rng, 100, 0)
    included = rng.random(len(trained)) < 0.2
    audit, utility = toy_images(rng, 40, 1000), toy_images(rng, 45, 2000)
    return Splits(("left", "right"), trained, included, audit, utility, "f" * 64)


@pytest.fixture(scope="session")
def fresh_images() -> LabelledImages:
    """What a perfect generator would draw."""
    return toy_images(np.random.default_rng(1), 60, 3000)


@pytest.fixture(scope="session")
def toy_classifier(toy_splits: Splits) -> ImageClassifier:
    return train_classifier(toy_splits.train, 2, seed=0, images_to_see=1600)
