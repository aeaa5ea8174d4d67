from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from release.classifier import FilmClassifier, read
from release.classifier_files import digest, save_classifier
from release.fidelity.extractors import supplied_extractor
from release.fidelity.measure import measure_fidelity
from release.films import Folds, LabelledFilms


class Corners(nn.Module):
    """Sees four corners of a film."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x.float(), 2).flatten(1)


@pytest.fixture
def torchscript(tmp_path: Path) -> Path:
    path = tmp_path / "corners.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have other formats
        torch.jit.script(Corners()).save(str(path))
    return path


def test_a_classifier_of_ours_is_read_from_its_file(
    toy_folds: Folds, toy_classifier: FilmClassifier, tmp_path: Path
) -> None:
    save_classifier(tmp_path / "ours.safetensors", toy_classifier)
    found = supplied_extractor(tmp_path / "ours.safetensors")
    assert found.digest == digest(toy_classifier)
    pixels = toy_folds.utility.pixels
    np.testing.assert_array_equal(found.features(pixels), read(toy_classifier, pixels).features)


def test_code_in_a_file_is_not_run_unless_the_operator_says_so(torchscript: Path) -> None:
    with pytest.raises(ValueError, match="runs code"):
        supplied_extractor(torchscript)


def test_a_trusted_network_sees_grey_films_in_three_channels(
    torchscript: Path, fresh_films: LabelledFilms
) -> None:
    found = supplied_extractor(torchscript, trust_torchscript=True)
    assert found.name == "corners"
    assert found.digest == hashlib.sha256(torchscript.read_bytes()).hexdigest()
    features = found.features(fresh_films.pixels)
    assert features.shape == (len(fresh_films), 12)
    half = fresh_films.pixels.shape[1] // 2
    np.testing.assert_allclose(
        features[:, 0], fresh_films.pixels[:, :half, :half].mean((1, 2)), rtol=1e-5
    )


def test_fidelity_is_measured_on_the_network_supplied(
    torchscript: Path, toy_folds: Folds, toy_classifier: FilmClassifier, fresh_films: LabelledFilms
) -> None:
    found = measure_fidelity(
        toy_classifier,
        toy_folds,
        fresh_films.pixels,
        fresh_films.labels,
        np.random.default_rng(0),
        extractor=supplied_extractor(torchscript, trust_torchscript=True),
    )
    assert found.extractor == "corners"
    assert found.validity.agreement is not None
    assert found.validity.agreement.low > 0.8


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"weights\.onnx is neither"):
        supplied_extractor(tmp_path / "weights.onnx")
