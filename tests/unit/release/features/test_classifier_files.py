from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from release.features.classifier import ImageClassifier, read
from release.features.classifier_files import digest, load_classifier, save_classifier
from release.labelled_images import Folds


def test_a_saved_classifier_comes_back_the_same(
    toy_folds: Folds, toy_classifier: ImageClassifier, tmp_path: Path
) -> None:
    save_classifier(tmp_path / "kept.safetensors", toy_classifier)
    loaded = load_classifier(tmp_path / "kept.safetensors")
    assert digest(loaded) == digest(toy_classifier)
    pixels = toy_folds.utility.pixels
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
