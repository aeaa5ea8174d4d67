import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.families.ppca.config import Config, Sampler
from models.families.ppca.model import ProbabilisticPCA
from models.family import ImageSpec
from models.presets import resolve_config
from models.seeding import ImageNoise
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages


def smooth(num_images, seed=0, size=64):
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 30, (num_images, 8, 8)).repeat(size // 8, 1).repeat(size // 8, 2)
    noise = rng.normal(0, 3, (num_images, size, size))
    return (128 + coarse + noise).round().clip(0, 255).astype(np.uint8)


ONE_IMAGE = Budget(images=1)


def trained(images, budget=ONE_IMAGE, num_classes=2, **changes):
    config = resolve_config("ppca", "tiny", changes, Circumstances(64))
    size = images.read(torch.tensor([0])).shape[-1]
    model = ProbabilisticPCA(config, ImageSpec(size, num_classes))
    training = Training(model, images, budget, seed=3)
    return model, list(training.run()), training


def labelled(pixels):
    return TrainingImages(pixels, np.arange(len(pixels)) % 2)


@pytest.mark.parametrize("budget", [Budget(images=10**9), Budget(seconds=86_400)])
def test_a_budget_of_any_size_is_one_reading_of_all_images(budget):
    """The solution is in closed form: more time finds nothing else."""
    images = labelled(smooth(200))
    model, progress, training = trained(images, budget)
    other, _, _ = trained(images)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
    assert training.images_seen == progress[-1].total_images == 200
    assert progress[-1].fraction == 1
    fractions = [each.fraction for each in progress]
    assert fractions == sorted(fractions)
    assert any(0 < fraction < 1 for fraction in fractions)


def test_what_was_chosen_and_how_likely_it_makes_images_is_reported():
    _, progress, _ = trained(labelled(smooth(800)))
    measured = progress[-1].losses
    assert 1 < measured["num_components"] <= 8
    assert measured["held_out_nats_per_pixel"].isfinite()
    assert measured["nats_per_pixel"] > measured["held_out_nats_per_pixel"] - 0.1


def test_few_images_have_one_component_and_nothing_to_choose():
    model, progress, _ = trained(labelled(smooth(40)))
    assert "held_out_nats_per_pixel" not in progress[-1].losses
    assert (model.directions.norm(dim=0) > 0).sum() == 1


def test_images_that_show_other_things_are_less_likely_than_held_out_ones():
    model, _, _ = trained(labelled(smooth(800)))
    held_out = smooth(40, seed=1)
    strange = {
        "too bright": 255 - smooth(40, seed=1) // 2,
        "noise": np.random.default_rng(0).integers(0, 256, (40, 64, 64), np.uint8),
        "black": np.zeros((40, 64, 64), np.uint8),
    }
    usual = model.log_likelihood(labelled(held_out).read(torch.arange(40))).amax(1)
    for name, pixels in strange.items():
        scores = model.log_likelihood(labelled(pixels).read(torch.arange(40))).amax(1)
        assert scores.max() < usual.min(), name


def test_reconstruction_keeps_what_varies_and_leaves_out_the_grain():
    model, _, _ = trained(labelled(smooth(800)), images_per_component=8, max_components=64)
    images = labelled(smooth(20, seed=1)).read(torch.arange(20))
    made = model.reconstruct(images, torch.zeros(20, dtype=torch.int64))
    assert (made - images).square().mean() < 0.1 * (images - images.mean(0)).square().mean()


def test_without_grain_and_spread_an_image_is_the_mean_of_its_class():
    model, _, _ = trained(labelled(smooth(800)))
    sampler = Sampler(temperature=0, grain=0)
    one, other = model.sample(torch.eye(2)[[1, 1]], ImageNoise([1, 2]), sampler)
    assert torch.equal(one, other)


def test_a_component_stands_for_many_images():
    model, _, _ = trained(labelled(smooth(300)), max_components=200)
    assert (model.directions.norm(dim=0) > 0).sum() <= 300 // 64


def test_a_model_of_one_class_asks_its_parts_too():
    images = TrainingImages(smooth(100), np.zeros(100, np.int64))
    model, _, _ = trained(images, num_classes=1)
    assert [part.name for part in model.fitted_parts()] == ["components", "likelihood"]
    for name in model.state_dict():
        assert sum(part.holds(name) for part in model.fitted_parts()) == 1


def test_large_images_are_modelled_pixel_by_pixel():
    model, _, _ = trained(labelled(smooth(64, size=128)))
    assert model.directions.shape[0] == 128**2
    assert Config().max_components == 64
