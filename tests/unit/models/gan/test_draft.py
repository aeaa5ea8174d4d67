import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.families.gan.config import Config
from models.families.gan.draft import Drafts
from models.families.gan.model import AdversarialNetwork
from models.family import ImageSpec
from models.films import Films


@pytest.fixture
def films():
    """Two classes of 16x16 films: bright ones that vary downwards, dark ones that vary across."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    ramp = np.linspace(-1, 1, 16)
    bright = 160 + 20 * rng.normal(size=(400, 1, 1)) * ramp[None, :, None]
    dark = 90 + 20 * rng.normal(size=(400, 1, 1)) * ramp[None, None, :]
    flat = np.where(labels[:, None, None] == 0, bright + 0 * dark, dark + 0 * bright)
    pixels = (flat + rng.normal(0, 2, flat.shape)).round().clip(0, 255).astype(np.uint8)
    return Films(pixels, labels)


@pytest.fixture
def drafts(films):
    fitted = Drafts(16, num_classes=2, num_latents=4)
    list(fitted.fit(films))
    return fitted


@pytest.mark.parametrize("label", [0, 1])
def test_latents_of_zero_give_the_mean_film_of_the_class(films, drafts, label):
    [draft] = drafts(torch.zeros(1, 4), torch.tensor([label]))
    mean = films.images((films.labels == label).nonzero().squeeze(1)).mean(0)
    torch.testing.assert_close(draft, mean, rtol=0, atol=0.03)


@pytest.mark.parametrize("label", [0, 1])
def test_drafts_vary_as_the_films_of_their_class_do(films, drafts, label):
    latents = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    drawn = drafts(latents, torch.full((2000,), label)).std(0)
    real = films.images((films.labels == label).nonzero().squeeze(1)).std(0)
    torch.testing.assert_close(drawn, real, rtol=0, atol=0.05)


def test_fitting_happens_once(films, drafts):
    before = {name: buffer.clone() for name, buffer in drafts.state_dict().items()}
    assert list(drafts.fit(films)) == []
    for name, buffer in drafts.state_dict().items():
        assert torch.equal(buffer, before[name]), name


def test_the_generator_begins_with_the_drafts():
    torch.manual_seed(0)
    model = AdversarialNetwork(
        Config.model_validate(Config.preset("tiny", Circumstances(64))),
        ImageSpec(64, num_classes=2),
    )
    latents, labels = torch.randn(3, 8), torch.tensor([0, 1, 1])
    assert torch.equal(model.generate(latents, labels), model.drafts(latents, labels))
