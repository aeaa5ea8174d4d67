from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation import classifier as module
from benchmarks.evaluation.classifier import cached_classifier
from benchmarks.evaluation.real_images import RealImages
from release.features.classifier import read


def test_a_kept_classifier_answers_as_it_did_when_trained(
    images: RealImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    trained = cached_classifier(images, 0, cache, images_to_see=128)
    monkeypatch.delattr(module, "train_classifier")
    loaded = cached_classifier(images, 0, cache, images_to_see=128)
    pixels = images.held_out.pixels
    np.testing.assert_array_equal(read(trained, pixels).features, read(loaded, pixels).features)
    [kept] = cache.iterdir()
    assert kept.suffix == ".safetensors"
