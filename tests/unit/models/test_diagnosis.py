"""Each fault is injected, and the training that has it names it; a healthy one names none."""

import math

import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.diagnosis import (
    average_too_long,
    discriminator_winning,
    hardly_trained,
    memorising,
    posterior_collapse,
    wrong_latent_scale,
)
from models.families.ldm.autoencoder_task import LatentSpace
from models.family import ImageSpec
from models.nn.pca import PrincipalComponents
from models.presets import resolve_config
from models.registry import FAMILIES
from models.snapshot import new_model
from models.training.loop import Training, TrainingDiverged
from models.training.plan import Budget
from models.training_images import TrainingImages


@pytest.fixture
def noise():
    return torch.Generator().manual_seed(0)


def smooth_images(num_images, seed):
    """Blurred noise about a common picture, of three classes."""
    rng = np.random.default_rng(seed)
    common = np.random.default_rng(1).normal(0, 1, (8, 8))
    coarse = 128 + 80 * np.tanh(common + 0.5 * rng.normal(0, 1, (num_images, 8, 8)))
    pixels = coarse.clip(0, 255).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    return TrainingImages(pixels, np.arange(num_images) % 3)


def trained(family, images, num_seen, **changes):
    config = resolve_config(family, "tiny", changes, Circumstances(64)).model_dump(mode="json")
    model = new_model(family, config, ImageSpec(64, 3), seed=0)
    training = Training(model, images, Budget(images=num_seen), seed=0)
    list(training.run())
    return training


def codes(training):
    return [found.code for found in training.findings]


@pytest.mark.parametrize("family", FAMILIES)
def test_healthy_training_has_no_finding(family):
    assert codes(trained(family, smooth_images(48, 0), 320)) == []


def test_weight_on_the_divergence_that_silences_the_latents_is_named(monkeypatch):
    """Begun without the closed form, whose latents a short training could not unlearn."""
    monkeypatch.setattr(PrincipalComponents, "fit", lambda self, images, changed: iter(()))
    silent = {"likelihood": "mse", "beta": 100.0, "free_bits": 0.0, "kl_warmup": 0.0}
    training = trained("vae", smooth_images(48, 0), 320, **silent)
    assert codes(training) == ["posterior_collapse"]
    assert "beta" in training.findings[0].fix


def test_generator_that_stands_still_is_named():
    training = trained(
        "gan",
        smooth_images(48, 0),
        640,
        generator_learning_rate=1e-12,
        discriminator_learning_rate=2e-3,
        augmentation=0.0,
        penalty=0.0,
    )
    assert codes(training) == ["discriminator_winning"]
    assert "discriminator_learning_rate" in training.findings[0].fix


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_latents_normalised_by_another_scale_are_named(monkeypatch, factor):
    measure = LatentSpace.measure

    def wrong(self, images, gaussian):
        yield from measure(self, images, gaussian)
        self.scale *= factor

    monkeypatch.setattr(LatentSpace, "measure", wrong)
    training = trained("ldm", smooth_images(48, 0), 160)
    assert codes(training) == ["wrong_latent_scale"]
    assert ("strong" in training.findings[0].what) == (factor > 1)


@pytest.mark.parametrize(("relative_std", "expected"), [(0.28, ["average_too_long"]), (0.02, [])])
def test_average_over_the_whole_of_a_short_training_is_named(monkeypatch, relative_std, expected):
    """Begun without the closed form, so that the first weights are much worse than the last."""
    monkeypatch.setattr(PrincipalComponents, "fit", lambda self, images, changed: iter(()))
    images, short = smooth_images(48, 0), {"learning_rate": 0.007}
    training = trained("vae", images, 1920, ema_relative_std=relative_std, **short)
    assert codes(training) == expected


def test_images_that_come_out_again_are_named(noise):
    training, held_out = smooth_images(8, seed=0), smooth_images(24, seed=2)
    copies = training.few(8)
    assert memorising(copies, training, held_out).code == "memorising"
    assert memorising(smooth_images(24, seed=3), training, held_out) is None


def test_images_that_are_only_smooth_are_no_copies():
    """A mean of many images is near to all of them, nearer to the nearest than a real one is."""
    training, held_out = smooth_images(200, seed=0), smooth_images(40, seed=2)
    means = [training.read(torch.arange(start, start + 20)).mean(0) for start in range(0, 180, 20)]
    pixels = ((torch.cat(means) + 1) * 127.5).round().to(torch.uint8).numpy()
    assert memorising(TrainingImages(pixels, np.zeros(9, np.int64)), training, held_out) is None


def test_nothing_is_said_of_copies_without_images_to_compare_with():
    images = smooth_images(9, seed=0)
    none = TrainingImages(np.zeros((0, 64, 64), np.uint8), np.zeros(0, np.int64))
    assert memorising(images, images, none) is None


@pytest.mark.parametrize(("images_seen", "expected"), [(64, "hardly_trained"), (100, None)])
def test_a_training_has_to_see_every_image(images_seen, expected):
    found = hardly_trained(images_seen, 100)
    assert (found and found.code) == expected


def test_latents_are_active_that_vary_with_the_image(noise):
    means = torch.randn(100, 6, generator=noise) * torch.tensor([1, 0.5, 0.01, 0, 0, 0])
    assert posterior_collapse(means) is None
    found = posterior_collapse(means[:, 1:])
    assert "1 of 5" in found.what


def test_discriminator_may_lead_but_not_win():
    assert discriminator_winning(0.9) is None
    assert "98.0%" in discriminator_winning(0.98).what


def test_latents_of_unit_variance_have_the_right_scale(noise):
    latents = torch.randn(8, 4, 8, 8, generator=noise)
    assert wrong_latent_scale(latents) is None
    assert "weak" in wrong_latent_scale(3 * latents).what


def test_average_may_lose_what_the_noise_explains(noise):
    live = torch.tensor([0.1, 0.5, 0.3, 0.7])
    assert average_too_long("s", live, live + 0.01, first_loss=1.0) is None
    assert average_too_long("s", live, live + torch.tensor([3, -3, 3, -2]), first_loss=1.0) is None
    assert average_too_long("s", live, live + 0.3, first_loss=1.0).code == "average_too_long"


def test_training_that_diverges_names_the_fix(images, new_mean_images):
    model = new_mean_images()
    with torch.no_grad():
        model.means.weight.fill_(math.nan)
    with pytest.raises(TrainingDiverged, match="Halve the learning rate"):
        list(Training(model, images, Budget(images=320), seed=0).run())
