import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from models.families.vae.aggregate import AggregatePosterior
from models.seeding import ImageNoise
from models.training_images import TrainingImages

CENTRES = torch.tensor([[-5.0, 0.0], [5.0, 3.0]])


def encode(images, labels):
    """Place an image by its brightness, about the centre of its class; the second varies twice."""
    brightness = images.mean((1, 2, 3)) * (1 + labels)
    offset = torch.stack([brightness, -brightness], dim=1)
    return CENTRES[labels] + offset, torch.full((len(labels), 2), -4.0)


@pytest.fixture
def fitted():
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, 300, np.uint8)
    images = TrainingImages(np.broadcast_to(levels[:, None, None], (300, 8, 8)), np.arange(300) % 2)
    aggregate = AggregatePosterior(2, num_classes=2)
    list(aggregate.fit(encode, images))
    return aggregate


def draw(aggregate, label, num_latents=500, temperature=1.0):
    noise = ImageNoise(range(num_latents))
    return aggregate(torch.eye(2)[label].expand(num_latents, 2), noise, temperature)


def test_latents_lie_where_those_of_the_class_do(fitted):
    for label in (0, 1):
        latents = draw(fitted, label)
        torch.testing.assert_close(latents.mean(0), CENTRES[label], rtol=0, atol=0.2)


def test_latents_vary_as_much_as_those_of_the_class_do(fitted):
    narrow, wide = (draw(fitted, label).std(0).mean().item() for label in (0, 1))
    assert wide / narrow == pytest.approx(2, rel=0.2)


def test_latents_vary_together_as_the_images_do(fitted):
    [[_, across], [_, _]] = torch.corrcoef(draw(fitted, 0).T).tolist()
    assert across < -0.8


def test_a_class_varies_in_its_own_directions_and_a_rare_one_as_all_do():
    def encode_along_one(images, labels):
        brightness = images.mean((1, 2, 3))
        along = torch.stack([brightness * (1 - labels), brightness * labels], dim=1)
        return along, torch.full((len(labels), 2), -12.0)

    pixels = np.random.default_rng(0).integers(0, 256, 1200, np.uint8)
    images = TrainingImages(
        np.broadcast_to(pixels[:, None, None], (1200, 8, 8)), np.array([0] * 1190 + [1] * 10)
    )
    aggregate = AggregatePosterior(2, num_classes=2)
    list(aggregate.fit(encode_along_one, images))
    frequent, rare = (aggregate.factors @ aggregate.factors.mT).diagonal(dim1=1, dim2=2)
    assert frequent[0] > 10 * frequent[1]
    assert rare[0] > rare[1]


def test_fitting_leaves_the_random_source_alone(fitted):
    images = TrainingImages(np.full((4, 8, 8), 9, np.uint8), np.arange(4) % 2)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    list(fitted.fit(encode, images))
    assert torch.equal(torch.rand(3), expected)


def test_a_lower_temperature_draws_less_varied_latents(fitted):
    spreads = [draw(fitted, 0, temperature=t).std(0).sum() for t in (0.5, 1.0)]
    assert spreads[0] < spreads[1]


def test_the_density_is_that_of_the_gaussians_up_to_a_constant(fitted):
    latents, labels = torch.randn(6, 2), torch.tensor([0, 1, 0, 0, 1, 1])
    expected = MultivariateNormal(fitted.means[labels], scale_tril=fitted.factors[labels]).log_prob(
        latents
    )
    difference = fitted.log_density(latents, labels) - expected
    torch.testing.assert_close(difference, difference[:1].expand(6), rtol=1e-3, atol=0)


def test_fitting_again_gives_the_same_density(fitted):
    levels = np.random.default_rng(0).integers(0, 256, 300, np.uint8)
    images = TrainingImages(np.broadcast_to(levels[:, None, None], (300, 8, 8)), np.arange(300) % 2)
    again = AggregatePosterior(2, num_classes=2)
    list(again.fit(encode, images))
    for name, buffer in fitted.state_dict().items():
        assert torch.equal(buffer, again.state_dict()[name]), name


def test_a_class_of_two_images_has_a_density_too():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
    images = TrainingImages(pixels, np.array([0] * 10 + [1] * 2))
    aggregate = AggregatePosterior(2, num_classes=2)
    list(aggregate.fit(encode, images))
    assert draw(aggregate, 1).isfinite().all()
