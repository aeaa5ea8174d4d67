from __future__ import annotations

import numpy as np
import pytest
import torch

from release.features.classifier import ImageClassifier, read
from release.features.classifier_files import digest
from release.features.classifier_training import train_classifier
from release.labelled_images import Folds


def test_it_tells_unseen_images_apart(toy_folds: Folds, toy_classifier: ImageClassifier) -> None:
    found = read(toy_classifier, toy_folds.utility.pixels)
    assert (found.predictions == toy_folds.utility.labels).mean() > 0.9


def test_its_chances_add_up_to_one_and_lead_to_its_predictions(
    toy_folds: Folds, toy_classifier: ImageClassifier
) -> None:
    found = read(toy_classifier, toy_folds.utility.pixels)
    np.testing.assert_allclose(found.chances.sum(1), 1)
    np.testing.assert_array_equal(found.chances.argmax(1), found.predictions)


def test_features_are_standardised_over_the_training_images(
    toy_folds: Folds, toy_classifier: ImageClassifier
) -> None:
    features = read(toy_classifier, toy_folds.trained.pixels).features
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-3)
    assert features.std(0).max() == pytest.approx(1, abs=1e-2)


def test_the_same_seed_learns_the_same_weights(toy_folds: Folds) -> None:
    first, again, other = (
        train_classifier(toy_folds.trained, 2, seed, images_to_see=128) for seed in (1, 1, 2)
    )
    assert digest(first) == digest(again) != digest(other)


def test_training_leaves_the_global_random_source_alone(toy_folds: Folds) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train_classifier(toy_folds.trained, 2, seed=0, images_to_see=64)
    assert torch.equal(before, torch.get_rng_state())


def test_training_can_be_given_up_at_every_batch(toy_folds: Folds) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train_classifier(toy_folds.trained, 2, seed=0, images_to_see=64 * 10, check=check)
