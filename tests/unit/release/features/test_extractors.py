from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from release.cancellation import cancellable
from release.data import LabelledImages, Pixels, Splits
from release.features.cache import CachedExtractor
from release.features.classifier import ImageClassifier, digest, read, save_classifier
from release.features.extractors import Inception, supplied_extractor
from release.fidelity.measure import measure_fidelity


class Corners(nn.Module):
    """Sees four corners of an image."""

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
    toy_splits: Splits, toy_classifier: ImageClassifier, tmp_path: Path
) -> None:
    save_classifier(tmp_path / "ours.safetensors", toy_classifier)
    found = supplied_extractor("image_classifier", tmp_path / "ours.safetensors", "ours")
    assert (found.name, found.digest) == ("ours", digest(toy_classifier))
    pixels = toy_splits.test.pixels
    np.testing.assert_array_equal(found.features(pixels), read(toy_classifier, pixels).features)


@pytest.mark.parametrize("kind", ["inception_v3", "image_classifier"])
def test_code_in_a_file_is_not_run_unless_the_operator_calls_it_a_program(
    torchscript: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.jit, "load", pytest.fail)
    with pytest.raises(ValueError, match=r"holds no|is no"):
        supplied_extractor(kind, torchscript, "corners")


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"fc.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ValueError, match="holds no weights of torchvision's inception_v3"):
        supplied_extractor("inception_v3", tmp_path / "trap.pth", "inception")
    assert not (tmp_path / "sprung").exists()


def test_a_trusted_network_sees_grey_images_in_three_channels(
    torchscript: Path, fresh_images: LabelledImages
) -> None:
    found = supplied_extractor("torchscript", torchscript, "corners")
    assert found.name == "corners"
    assert found.digest == hashlib.sha256(torchscript.read_bytes()).hexdigest()
    features = found.features(fresh_images.pixels)
    assert features.shape == (len(fresh_images), 12)
    half = fresh_images.pixels.shape[1] // 2
    np.testing.assert_allclose(
        features[:, 0], fresh_images.pixels[:, :half, :half].mean((1, 2)), rtol=1e-5
    )


def test_fidelity_is_measured_on_the_network_supplied(
    torchscript: Path,
    toy_splits: Splits,
    toy_classifier: ImageClassifier,
    fresh_images: LabelledImages,
) -> None:
    found = measure_fidelity(
        toy_classifier,
        toy_splits,
        fresh_images.pixels,
        fresh_images.labels,
        np.random.default_rng(0),
        extractor=supplied_extractor("torchscript", torchscript, "corners"),
    )
    assert found.extractor.name == "corners"
    assert found.validity.agreement is not None
    assert found.validity.agreement.low > 0.8


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no extractors of kind 'onnx'"):
        supplied_extractor("onnx", tmp_path / "weights.onnx", "x")
    (tmp_path / "text.pt").write_text("no program")
    with pytest.raises(ValueError, match=r"text\.pt is no TorchScript file"):
        supplied_extractor("torchscript", tmp_path / "text.pt", "x")


def made_up_weights(network: nn.Module) -> dict[str, Tensor]:
    """Draw weights that keep activations near 1 from layer to layer, each by numpy alone."""
    rng = np.random.default_rng(0)
    weights = {}
    for name, former in sorted(network.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.zeros_like(former)
            continue
        if name.endswith("running_var"):
            values = rng.uniform(0.5, 1.5, former.shape)
        elif name.endswith("conv.weight"):
            values = rng.normal(0, (2 / np.prod(former.shape[1:])) ** 0.5, former.shape)
        elif name.endswith("bn.weight"):
            values = rng.uniform(0.8, 1.2, former.shape)
        else:
            values = rng.normal(0, 0.1, former.shape)
        weights[name] = torch.from_numpy(np.asarray(values, np.float32))
    return weights


@pytest.fixture(scope="module")
def inception_weights() -> dict[str, Tensor]:
    return made_up_weights(Inception().network)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_inception_is_read_from_torchvision_s_state_dict(
    inception_weights: dict[str, Tensor], suffix: str, tmp_path: Path
) -> None:
    """Features are those of the network that was written here before torchvision was used.

    Recorded from it: every 256th of 2,048 features of two images of noise. The layers that features
    do not need may be in the file or not.
    """
    path = tmp_path / f"inception{suffix}"
    state = {**inception_weights, "fc.weight": torch.zeros(2, 2), "AuxLogits.x": torch.ones(1)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    found = supplied_extractor("inception_v3", path, "inception")
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 64), np.uint8)
    features = found.features(images)
    assert features.shape == (2, 2048)
    recorded = [
        [0.1415353, 0.4916648, 2.625638, 0.7519768, 7.951228, 2.393536, 0.0, 2.214066],
        [0.1384783, 0.5273253, 2.577755, 0.8389909, 7.959114, 2.345021, 0.0002669221, 2.070187],
    ]
    np.testing.assert_allclose(features[:, ::256], recorded, rtol=1e-4, atol=1e-4)
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "299 px" in found.preparation


def test_inception_has_torchvision_s_weights(inception_weights: dict[str, Tensor]) -> None:
    """27,161,264 in all there, less the auxiliary head's 3,326,696 and the classes' 2,049,000."""
    assert sum(each.numel() for each in Inception().parameters()) == 21_785_568
    assert "Mixed_7c.branch3x3dbl_3b.bn.running_var" in inception_weights
    assert inception_weights["Mixed_6e.branch7x7dbl_5.conv.weight"].shape == (192, 192, 1, 7)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "resnet.safetensors")
    with pytest.raises(ValueError, match=r"resnet\.safetensors holds no weights of torchvision"):
        supplied_extractor("inception_v3", tmp_path / "resnet.safetensors", "x")


class Counting:
    """Sees the mean of an image, and counts the images."""

    name, digest, preparation = "mean", "0" * 64, "as they are"

    def __init__(self) -> None:
        self.num_read = 0

    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        self.num_read += len(pixels)
        return pixels.mean((1, 2))[:, None].astype(np.float64)


def test_an_image_that_was_read_before_is_cached() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
    counting = Counting()
    cached = CachedExtractor(counting)
    first = cached.features(images)
    np.testing.assert_allclose(first, images.mean((1, 2))[:, None], rtol=1e-6)
    np.testing.assert_array_equal(cached.features(images[::-1]), first[::-1])
    assert counting.num_read == 6


def test_reading_images_can_be_interrupted_between_any_two() -> None:
    checks: list[None] = []
    images = np.arange(4, dtype=np.uint8).repeat(64).reshape(4, 8, 8)
    with cancellable(lambda: checks.append(None)):
        CachedExtractor(Counting()).features(images)
    assert len(checks) == 4
