import numpy as np
import pytest
import torch

from models.families.gan.jittered_components import JitteredComponents
from models.training_images import TrainingImages


@pytest.fixture(scope="module")
def images():
    """Smooth 16x16 images, half of which are fitted to."""
    rng = np.random.default_rng(0)
    waves = np.cos(np.pi * np.arange(4)[:, None] * (np.arange(16) + 0.5) / 16)  # (4, 16)
    smooth = np.einsum("nij,ih,jw->nhw", rng.normal(size=(128, 4, 4)), waves, waves)
    pixels = (128 + 20 * smooth).round().clip(0, 255).astype(np.uint8)
    return TrainingImages(pixels, np.arange(128) % 2)


@pytest.fixture(scope="module")
def components(images):
    torch.manual_seed(0)
    fitted = JitteredComponents(16, 16)
    fractions = list(fitted.fit(images))
    assert fractions == sorted(fractions)
    return fitted


def test_images_come_back(images, components):
    batch = images.read(torch.arange(20))
    decoded = components.decode(components.encode(batch))
    assert (decoded - batch).square().mean() < 0.1 * batch.var()


def test_latents_are_read_from_what_they_decode_to(components):
    latents = torch.randn(3, 16)
    torch.testing.assert_close(
        components.encode(components.decode(latents)), latents, rtol=0, atol=1e-3
    )


def test_latents_vary_by_one(images, components):
    spread = components.encode(images.read(torch.arange(128))).std(0)
    assert ((spread > 0.3) & (spread < 3)).all()


def test_what_lies_within_is_familiar(components):
    within = components.decode(torch.randn(4, 16))
    outside = within + 0.5 * torch.randn(within.shape)
    assert (components.membership_score(within) > components.membership_score(outside)).all()


def test_fitting_happens_once(images, components):
    assert list(components.fit(images)) == []
