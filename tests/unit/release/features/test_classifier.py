from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from release.cancellation import cancellable
from release.data import Splits
from release.features.classifier import (
    ImageClassifier,
    digest,
    load_classifier,
    read,
    save_classifier,
)
from release.features.classifier_training import train_classifier


def test_it_classifies_unseen_images(toy_splits: Splits, toy_classifier: ImageClassifier) -> None:
    found = read(toy_classifier, toy_splits.test.pixels)
    assert (found.predictions == toy_splits.test.labels).mean() > 0.9


def test_its_chances_add_up_to_one_and_lead_to_its_predictions(
    toy_splits: Splits, toy_classifier: ImageClassifier
) -> None:
    found = read(toy_classifier, toy_splits.test.pixels)
    np.testing.assert_allclose(found.chances.sum(1), 1)
    np.testing.assert_array_equal(found.chances.argmax(1), found.predictions)


def test_features_are_standardised_over_the_training_images(
    toy_splits: Splits, toy_classifier: ImageClassifier
) -> None:
    features = read(toy_classifier, toy_splits.train.pixels).features
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-3)
    assert features.std(0).max() == pytest.approx(1, abs=1e-2)


def test_the_same_seed_learns_the_same_weights(toy_splits: Splits) -> None:
    first, again, other = (
        train_classifier(toy_splits.train, 2, seed, images_to_see=128) for seed in (1, 1, 2)
    )
    assert digest(first) == digest(again) != digest(other)


def test_training_leaves_the_global_random_source_alone(toy_splits: Splits) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train_classifier(toy_splits.train, 2, seed=0, images_to_see=64)
    assert torch.equal(before, torch.get_rng_state())


def test_training_can_be_given_up_at_every_batch(toy_splits: Splits) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise InterruptedError

    with cancellable(check), pytest.raises(InterruptedError):
        train_classifier(toy_splits.train, 2, seed=0, images_to_see=64 * 10)


def test_a_saved_classifier_comes_back_the_same(
    toy_splits: Splits, toy_classifier: ImageClassifier, tmp_path: Path
) -> None:
    save_classifier(tmp_path / "kept.safetensors", toy_classifier)
    loaded = load_classifier(tmp_path / "kept.safetensors")
    assert digest(loaded) == digest(toy_classifier)
    pixels = toy_splits.test.pixels
    np.testing.assert_array_equal(
        read(loaded, pixels).features, read(toy_classifier, pixels).features
    )


def test_other_weights_are_refused_by_name(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors holds no image-classifier"):
        load_classifier(tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.safetensors is no safetensors file"):
        load_classifier(tmp_path / "text.safetensors")
