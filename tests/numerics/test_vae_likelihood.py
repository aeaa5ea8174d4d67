"""The likelihoods of images given the decoder's output."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from models.families.vae.likelihood import (
    LIKELIHOODS,
    MIN_VARIANCE,
    gaussian,
    optimal_variance,
    sigma,
)


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


@pytest.fixture
def output_and_images():
    images = torch.rand(4, 1, 8, 8, dtype=torch.float64) * 2 - 1
    return images + 0.3 * torch.randn_like(images), images


def test_gaussian_is_the_log_density_of_the_pixels(output_and_images):
    output, images = output_and_images
    density = Normal(output, math.sqrt(0.2)).log_prob(images).sum((1, 2, 3))
    negative_log = gaussian(output, images, torch.tensor(0.2, dtype=torch.float64))
    torch.testing.assert_close(negative_log, -density.mean())


def test_optimal_variance_has_no_better_neighbour(output_and_images):
    best = optimal_variance(*output_and_images)
    least = gaussian(*output_and_images, best)
    for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2):
        assert gaussian(*output_and_images, factor * best) > least


def test_sigma_is_half_the_dimension_times_the_log_error(output_and_images):
    """Rybkin et al. 2021, eq. 6: the loss is D/2 log MSE up to a constant."""
    output, images = output_and_images
    halved = images + (output - images) / 2
    gained = sigma(output, images) - sigma(halved, images)
    assert gained.item() == pytest.approx(64 / 2 * math.log(4))


def test_a_perfect_reconstruction_has_a_finite_loss():
    images = torch.zeros(2, 1, 8, 8)
    assert optimal_variance(images, images).item() == pytest.approx(MIN_VARIANCE)
    assert sigma(images, images).isfinite()


def test_mse_is_a_gaussian_of_unit_variance(output_and_images):
    mse = LIKELIHOODS["mse"].negative_log(*output_and_images)
    unit = gaussian(*output_and_images, torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(mse + 64 / 2 * math.log(2 * math.pi), unit)


def test_bce_is_the_log_probability_of_black_and_white_pixels():
    logits = torch.randn(4, 1, 8, 8)
    white = torch.rand(4, 1, 8, 8) > 0.5
    expected = -Bernoulli(logits=logits).log_prob(white.float()).sum((1, 2, 3)).mean()
    negative_log = LIKELIHOODS["bce"].negative_log(logits, white.float() * 2 - 1)
    torch.testing.assert_close(negative_log, expected)


def test_bce_expects_the_mean_of_the_bernoulli_pixels():
    logits = torch.linspace(-5, 5, 11)
    expected = 2 * Bernoulli(logits=logits).mean - 1
    torch.testing.assert_close(LIKELIHOODS["bce"].mean(logits), expected)
