"""What the denoising and the sparse autoencoder ask, against the papers."""

import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence

from models.families.vae.config import Config
from models.families.vae.objectives import BLACK, Denoising, Sparse, divergence_from_sparsity

RHO = 0.05


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


@pytest.fixture
def images():
    return torch.rand(6, 1, 16, 16)  # none is black


def sparse(**changes):
    return Sparse(Config(kind="sparse", sparsity=RHO, **changes))


def test_corruption_forces_the_same_number_of_pixels_to_black(images):
    shown = Denoising(Config(kind="denoising", corruption=0.3)).shown(images)
    assert (shown == BLACK).flatten(1).sum(1).tolist() == [round(0.3 * 256)] * 6


def test_corruption_leaves_all_other_pixels_untouched(images):
    shown = Denoising(Config(kind="denoising", corruption=0.3)).shown(images)
    assert torch.equal(shown[shown != BLACK], images[shown != BLACK])


def test_every_pixel_is_lost_equally_often():
    images = torch.zeros(4000, 1, 4, 4)
    lost = Denoising(Config(kind="denoising", corruption=0.25)).shown(images) == BLACK
    torch.testing.assert_close(lost.float().mean(0), torch.full((1, 4, 4), 0.25), rtol=0, atol=0.03)


def test_without_corruption_images_are_shown_as_they_are(images):
    assert torch.equal(Denoising(Config(kind="denoising", corruption=0.0)).shown(images), images)


def test_sparsity_divergence_equals_that_of_two_bernoulli_variables():
    rho_hat = torch.linspace(0.01, 0.99, 25)
    expected = kl_divergence(Bernoulli(torch.tensor(RHO)), Bernoulli(rho_hat))
    torch.testing.assert_close(divergence_from_sparsity(rho_hat, RHO), expected)


def test_sparsity_costs_nothing_at_its_target_and_pulls_towards_it():
    rho_hat = torch.tensor([0.01, RHO, 0.3], requires_grad=True)
    divergence = divergence_from_sparsity(rho_hat, RHO)
    divergence.sum().backward()
    assert divergence[1].item() == pytest.approx(0, abs=1e-7)
    assert divergence[0] > 0
    assert divergence[2] > 0
    # d KL / d rho_hat = -rho / rho_hat + (1 - rho) / (1 - rho_hat)
    expected = -RHO / rho_hat.detach() + (1 - RHO) / (1 - rho_hat.detach())
    torch.testing.assert_close(rho_hat.grad, expected, rtol=1e-4, atol=1e-4)


def test_units_that_are_never_or_always_on_have_a_finite_price():
    assert divergence_from_sparsity(torch.tensor([0.0, 1.0]), RHO).isfinite().all()


def test_latents_of_zero_are_at_the_target():
    zeros = torch.zeros(8, 5)
    price, reported = sparse().price(zeros, zeros, 0.5)
    assert price.item() == pytest.approx(0, abs=1e-5)
    assert reported["activation"].item() == pytest.approx(RHO)


def test_small_latents_pass_the_units_unchanged():
    small = torch.tensor([[-1e-3, 0.0, 1e-3]])
    torch.testing.assert_close(sparse().activated(small), small, rtol=1e-3, atol=0)


def test_a_unit_goes_from_all_off_to_all_on():
    off_and_on = sparse().activated(torch.tensor([[-30.0, 30.0]]))
    torch.testing.assert_close(off_and_on, torch.tensor([[-1 / (1 - RHO), 1 / RHO]]))


def test_the_price_is_of_the_mean_activation_not_of_each():
    """A unit that is on for one image in twenty costs nothing, though no image is at the target."""
    latents = torch.full((20, 3), -30.0)
    latents[0] = 30.0
    price, _ = sparse().price(latents, torch.zeros_like(latents), 0.5)
    assert price.item() == pytest.approx(0, abs=1e-4)
