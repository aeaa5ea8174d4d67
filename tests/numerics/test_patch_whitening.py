"""Whitened patches against their definition."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from models.families.gan.patch_whitening import NOISE_STD, PatchWhitening
from models.training_images import TrainingImages


@pytest.fixture
def images():
    """Smooth images: neighbours are alike, as in radiographs."""
    rng = np.random.default_rng(0)
    rough = torch.from_numpy(rng.normal(128, 60, (40, 1, 8, 8)))
    smooth = F.interpolate(rough, (32, 32), mode="bilinear").squeeze(1).numpy()
    pixels = (smooth + rng.normal(0, 3, smooth.shape)).round().clip(0, 255).astype(np.uint8)
    return TrainingImages(pixels, np.arange(40) % 2)


@pytest.fixture
def fitted(images):
    whitening = PatchWhitening(4)
    fractions = list(whitening.fit(images))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    return whitening


def folded(whitening, images):
    patches = whitening.fold(images.read(torch.arange(len(images))))
    return patches.movedim(1, -1).flatten(0, 2)  # (patches, 16)


def test_coordinates_are_uncorrelated_and_centred(images, fitted):
    coordinates = folded(fitted, images)
    torch.testing.assert_close(coordinates.mean(0), torch.zeros(16), rtol=0, atol=1e-3)
    correlation = torch.corrcoef(coordinates.T)
    torch.testing.assert_close(correlation, torch.eye(16), rtol=0, atol=0.01)


def test_coordinates_vary_alike_down_to_the_noise(images, fitted):
    deviations = folded(fitted, images).std(0)
    raw = deviations * fitted.scales
    torch.testing.assert_close(deviations, raw / (raw + NOISE_STD), rtol=0.01, atol=0)
    assert deviations.max() / deviations.min() < raw.max() / raw.min() / 5


def test_folding_can_be_undone(images, fitted):
    first, second = images.read(torch.tensor([0, 1])).split(1)
    difference = fitted.fold(first) - fitted.fold(second)
    patches = torch.einsum("oi,bihw->bohw", fitted.directions * fitted.scales, difference)
    torch.testing.assert_close(F.pixel_shuffle(patches, 4), first - second)


def test_patches_are_left_as_they_are_before_the_fit():
    images = torch.rand(2, 1, 16, 16)
    assert torch.equal(PatchWhitening(4).fold(images), F.pixel_unshuffle(images, 4))


def test_fitting_happens_once(images, fitted):
    before = {name: buffer.clone() for name, buffer in fitted.state_dict().items()}
    assert list(fitted.fit(images)) == []
    for name, buffer in fitted.state_dict().items():
        assert torch.equal(buffer, before[name]), name


def test_flat_images_have_whitened_patches_too():
    images = TrainingImages(np.full((8, 16, 16), 100, np.uint8), np.arange(8) % 2)
    whitening = PatchWhitening(4)
    list(whitening.fit(images))
    patches = whitening.fold(images.read(torch.arange(8)))
    torch.testing.assert_close(patches, torch.zeros_like(patches), rtol=0, atol=0.05)
