import numpy as np
import pytest
import torch

from models.families.vae.aggregate import MIN_FILMS_PER_COMPONENT, AggregatePosterior
from models.families.vae.config import Config
from models.films import Films
from models.seeding import ImageNoise

CONFIG = Config(num_latents=2, num_components=4, mixture_shrinkage=1.0)
CENTRES = torch.tensor([[-5.0, 0.0], [5.0, 3.0]])


def encode(images, labels):
    """Place a film by its brightness, about the centre of its class."""
    brightness = images.mean((1, 2, 3))
    offset = torch.stack([brightness, -brightness], dim=1)
    return CENTRES[labels] + offset, torch.full((len(labels), 2), -4.0)


@pytest.fixture
def fitted():
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, 300, np.uint8)
    films = Films(np.broadcast_to(levels[:, None, None], (300, 8, 8)), np.arange(300) % 2)
    aggregate = AggregatePosterior(CONFIG, num_classes=2)
    list(aggregate.fit(encode, films))
    return aggregate


def draw(aggregate, label, num_latents=500, temperature=1.0):
    noise = ImageNoise(range(num_latents))
    return aggregate(torch.eye(2)[label].expand(num_latents, 2), noise, temperature)


def test_latents_lie_where_those_of_the_class_do(fitted):
    for label in (0, 1):
        latents = draw(fitted, label)
        torch.testing.assert_close(latents.mean(0), CENTRES[label], rtol=0, atol=0.15)


def test_latents_vary_together_as_the_films_do(fitted):
    [[_, across], [_, _]] = torch.corrcoef(draw(fitted, 0).T).tolist()
    assert across < -0.8


def test_a_lower_temperature_draws_less_varied_latents(fitted):
    spreads = [draw(fitted, 0, temperature=t).std(0).sum() for t in (0.5, 1.0)]
    assert spreads[0] < spreads[1]


def test_unused_gaussians_have_no_weight(fitted):
    torch.testing.assert_close(fitted.weights.sum(1), torch.ones(2))
    assert (fitted.weights >= 0).all()


def test_a_few_odd_films_get_no_gaussian_of_their_own():
    """A Gaussian about three films would draw these films again."""
    levels = np.random.default_rng(0).integers(0, 100, 300, np.uint8)
    levels[:3] = 255
    films = Films(np.broadcast_to(levels[:, None, None], (300, 8, 8)), np.zeros(300, np.int64))

    def encode_odd_far_away(images, labels):
        mean, log_variance = encode(images, labels)
        return torch.where(images.mean((1, 2, 3))[:, None] > 0.9, mean + 100, mean), log_variance

    aggregate = AggregatePosterior(CONFIG, num_classes=1)
    list(aggregate.fit(encode_odd_far_away, films))
    used = aggregate.weights[0] > 0
    assert (aggregate.weights[0, used] * 300 >= MIN_FILMS_PER_COMPONENT).all()
    assert aggregate.means[0, used].amax() < 20
    torch.testing.assert_close(aggregate.weights.sum(1), torch.ones(1))


def test_fitting_again_gives_the_same_density(fitted):
    levels = np.random.default_rng(0).integers(0, 256, 300, np.uint8)
    films = Films(np.broadcast_to(levels[:, None, None], (300, 8, 8)), np.arange(300) % 2)
    again = AggregatePosterior(CONFIG, num_classes=2)
    list(again.fit(encode, films))
    for name, buffer in fitted.state_dict().items():
        assert torch.equal(buffer, again.state_dict()[name]), name


def test_a_class_of_two_films_has_a_density_too():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
    films = Films(pixels, np.array([0] * 10 + [1] * 2))
    aggregate = AggregatePosterior(CONFIG, num_classes=2)
    list(aggregate.fit(encode, films))
    assert draw(aggregate, 1).isfinite().all()
