import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.families.gan.config import Config
from models.families.gan.class_prior import MIN_IMAGES, ClassPrior
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
    fitted = ClassPrior(16, num_classes=2, num_latents=4, num_gaussians=2)
    list(fitted.fit(films))
    return fitted


@pytest.mark.parametrize("label", [0, 1])
def test_the_middle_of_a_class_is_its_mean_film(films, drafts, label):
    [draft] = drafts.decode(drafts.middle(torch.tensor([label])))
    mean = films.images((films.labels == label).nonzero().squeeze(1)).mean(0)
    torch.testing.assert_close(draft, mean, rtol=0, atol=0.03)


def test_drafts_vary_as_images_do_about_their_class(films, drafts):
    """All classes have the same covariance: that of one class would tell of its images."""
    labels = films.labels
    centred = films.images(torch.arange(len(films)))
    for label in (0, 1):
        own = labels == label
        centred[own] -= centred[own].mean(0)
    for label in (0, 1):
        drawn = drafts.decode(draw(drafts, torch.full((2000,), label))).std(0)
        torch.testing.assert_close(drawn, centred.std(0), rtol=0, atol=0.05)


def test_a_film_is_near_its_own_draft(films, drafts):
    images = films.images(torch.arange(20))
    torch.testing.assert_close(drafts.decode(drafts.encode(images)), images, rtol=0, atol=0.1)


def test_a_mixture_that_is_one_class_draws_what_its_label_draws(drafts):
    labels = torch.tensor([0, 1, 1, 0])
    assert torch.equal(draw(drafts, torch.eye(2)[labels]), draw(drafts, labels))


def test_a_mixture_lies_between_its_classes(drafts):
    zeros, ones = torch.zeros(5, dtype=torch.int64), torch.ones(5, dtype=torch.int64)
    halfway = draw(drafts, torch.full((5, 2), 0.5))
    torch.testing.assert_close(halfway, (draw(drafts, zeros) + draw(drafts, ones)) / 2)


def test_two_kinds_of_films_in_a_class_are_drawn_apart():
    """One Gaussian would draw what lies between them."""
    rng = np.random.default_rng(0)
    kind = rng.random(400) < 0.3
    pixels = np.where(kind, 200, 60)[:, None, None] + rng.normal(0, 4, (400, 16, 16))
    fitted = ClassPrior(16, num_classes=1, num_latents=2, num_gaussians=4)
    list(fitted.fit(Films(pixels.round().astype(np.uint8), np.zeros(400, np.int64))))
    levels = fitted.decode(draw(fitted, torch.zeros(2000, dtype=torch.int64))).mean((1, 2, 3))
    grey = (levels + 1) * 127.5
    assert (grey > 170).float().mean().item() == pytest.approx(kind.mean(), abs=0.05)
    assert ((grey > 90) & (grey < 170)).float().mean() < 0.1  # of one Gaussian, 0.4


def test_drafts_lie_as_far_from_the_middle_as_the_films_do():
    """Most films are plain and a few busy; one Gaussian would draw all of them alike."""
    rng = np.random.default_rng(0)
    patterns = rng.choice([-1.0, 1.0], (32, 16, 16))
    busy = np.where(rng.random(600) < 0.15, 10.0, 2.0)
    amounts = busy[:, None] * rng.normal(size=(600, 32)) / 32**0.5
    pixels = 128 + 4 * np.tensordot(amounts, patterns, 1)
    films = Films(pixels.round().clip(0, 255).astype(np.uint8), np.zeros(600, np.int64))
    fitted = ClassPrior(16, num_classes=1, num_latents=32, num_gaussians=1)
    list(fitted.fit(films))
    drawn = fitted.decode(draw(fitted, torch.zeros(2000, dtype=torch.int64)))
    real, synthetic = (images.std((1, 2, 3)) for images in (films.images(torch.arange(600)), drawn))
    for share in (0.1, 0.5, 0.8, 0.95):
        assert synthetic.quantile(share).item() == pytest.approx(
            real.quantile(share).item(), rel=0.25
        )


def test_a_few_odd_films_have_no_ellipsoid_of_their_own():
    """It would draw them again."""
    rng = np.random.default_rng(0)
    pixels = 100 + rng.normal(0, 10, (300, 16, 16))
    pixels[:6] += 100
    fitted = ClassPrior(16, num_classes=1, num_latents=8, num_gaussians=4)
    list(fitted.fit(Films(pixels.round().astype(np.uint8), np.zeros(300, np.int64))))
    used = fitted.weights[fitted.weights > 0]
    assert used.sum().item() == pytest.approx(1)
    assert (300 * used).min() >= MIN_IMAGES - 1e-3


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
    noise = torch.randn(3, *model.noise_shape)
    assert torch.equal(model.generate(latents, labels, noise), model.prior.decode(latents))


def draw(drafts, classes):
    rng = torch.Generator().manual_seed(0)
    uniform = torch.rand(len(classes), 2, generator=rng)
    normal = torch.randn(len(classes), drafts.means.shape[2], generator=rng)
    return drafts.draw(classes, uniform, normal)
