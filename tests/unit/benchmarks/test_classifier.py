from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.evaluation import classifier as module
from benchmarks.evaluation.classifier import (
    FilmClassifier,
    cached_classifier,
    read,
    train_classifier,
)
from benchmarks.evaluation.real_films import RealFilms


def test_it_tells_held_out_films_apart(films: RealFilms, classifier: FilmClassifier) -> None:
    found = read(classifier, films.held_out.pixels)
    assert (found.predictions == films.held_out.labels).mean() > 0.9


def test_features_are_standardised_over_the_training_films(
    films: RealFilms, classifier: FilmClassifier
) -> None:
    features = read(classifier, films.training.pixels).features
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-3)
    assert features.std(0).max() == pytest.approx(1, abs=1e-2)


def test_the_same_seed_learns_the_same_weights(films: RealFilms) -> None:
    first, again, other = (
        train_classifier(films.training, 2, seed, images_to_see=128) for seed in (1, 1, 2)
    )
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_training_leaves_the_global_random_source_alone(films: RealFilms) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train_classifier(films.training, 2, seed=0, images_to_see=64)
    assert torch.equal(before, torch.get_rng_state())


def test_a_kept_classifier_answers_as_it_did_when_trained(
    films: RealFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    trained = cached_classifier(films, 0, cache, images_to_see=128)
    monkeypatch.delattr(module, "train_classifier")
    loaded = cached_classifier(films, 0, cache, images_to_see=128)
    pixels = films.held_out.pixels
    np.testing.assert_array_equal(read(trained, pixels).features, read(loaded, pixels).features)
    [kept] = cache.iterdir()
    assert kept.suffix == ".safetensors"
