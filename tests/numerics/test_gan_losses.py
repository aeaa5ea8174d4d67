"""Each objective against its equation, at points where the answer is known."""

import math

import pytest
import torch

from models.families.gan.objectives import (
    OBJECTIVES,
    bce_discriminator,
    bce_generator,
    hinge_discriminator,
    hinge_generator,
    lsgan_discriminator,
    lsgan_generator,
    relativistic_discriminator,
    relativistic_generator,
    wasserstein_discriminator,
    wasserstein_generator,
)


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


def logits(num_images=6):
    return torch.randn(2, num_images, dtype=torch.float64)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_discriminator_gains_by_distinguishing_images(name):
    """From where it is undecided, raising real logits and lowering synthetic ones costs less."""
    start = OBJECTIVES[name].boundary or 0.0
    real, synthetic = torch.full((2, 4), start, dtype=torch.float64).requires_grad_()
    by_real, by_synthetic = torch.autograd.grad(
        OBJECTIVES[name].discriminator(real, synthetic), [real, synthetic]
    )
    assert (by_real < 0).all()
    assert (by_synthetic > 0).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_generator_gains_where_its_images_look_more_real(name):
    real, synthetic = torch.full((2, 4), OBJECTIVES[name].boundary or 0.0)
    synthetic.requires_grad_()
    OBJECTIVES[name].generator(real, synthetic).backward()
    assert (synthetic.grad < 0).all()


def test_bce_of_the_best_discriminator_is_log_four_when_the_images_are_alike():
    """Goodfellow et al. 2014, theorem 1: C(G) = -log 4, and D pays its negative."""
    undecided = torch.zeros(6)
    assert bce_discriminator(undecided, undecided).item() == pytest.approx(math.log(4))


def test_bce_is_the_cross_entropy_of_real_and_synthetic():
    real, synthetic = logits()
    expected = -(real.sigmoid().log().mean() + (1 - synthetic.sigmoid()).log().mean())
    torch.testing.assert_close(bce_discriminator(real, synthetic), expected)
    torch.testing.assert_close(bce_generator(real, synthetic), -synthetic.sigmoid().log().mean())


def test_bce_keeps_the_generators_slope_while_the_discriminator_is_sure():
    synthetic = torch.full((1,), -30.0, requires_grad=True)
    bce_generator(torch.zeros(1), synthetic).backward()
    assert synthetic.grad.item() == pytest.approx(-1)


def test_least_squares_are_the_distances_to_one_and_to_zero():
    real, synthetic = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])
    assert lsgan_discriminator(real, synthetic).item() == pytest.approx(0.5 * (2 + 2))
    assert lsgan_generator(real, synthetic).item() == pytest.approx(0.5 * (1 + 1) / 2)


def test_least_squares_cost_nothing_at_their_targets():
    assert lsgan_discriminator(torch.ones(3), torch.zeros(3)) == 0
    assert lsgan_generator(torch.zeros(3), torch.ones(3)) == 0


def test_the_best_critic_pays_minus_the_wasserstein_distance():
    """Points at 0 and at 3 lie 3 apart; the best 1-Lipschitz function is D(x) = -x."""
    real, synthetic = torch.zeros(5), torch.full((5,), 3.0)
    assert wasserstein_discriminator(-real, -synthetic).item() == pytest.approx(-3)
    assert wasserstein_generator(-real, -synthetic).item() == pytest.approx(3)


def test_only_differences_count_for_a_critic():
    real, synthetic = logits()
    for loss in (wasserstein_discriminator, relativistic_discriminator, relativistic_generator):
        torch.testing.assert_close(loss(real + 3, synthetic + 3), loss(real, synthetic))


def test_the_hinge_forgets_what_lies_beyond_its_margin():
    real = torch.tensor([1.0, 5.0, 0.25], requires_grad=True)
    synthetic = torch.tensor([-1.0, -5.0, -0.25], requires_grad=True)
    loss = hinge_discriminator(real, synthetic)
    assert loss.item() == pytest.approx(2 * 0.75 / 3)
    loss.backward()
    torch.testing.assert_close(real.grad[1:], torch.tensor([0, -1 / 3]))
    torch.testing.assert_close(synthetic.grad[1:], torch.tensor([0, 1 / 3]))


def test_the_hinge_generator_climbs_without_end():
    assert hinge_generator(torch.zeros(2), torch.tensor([4.0, 6.0])).item() == -5


def test_equal_logits_cost_log_two_on_either_side():
    same = torch.randn(6)
    for loss in (relativistic_discriminator, relativistic_generator):
        assert loss(same, same).item() == pytest.approx(math.log(2))


def test_the_relativistic_sides_differ_by_the_mean_gap():
    """softplus(t) - softplus(-t) = t."""
    real, synthetic = logits()
    gap = relativistic_generator(real, synthetic) - relativistic_discriminator(real, synthetic)
    torch.testing.assert_close(gap, (real - synthetic).mean())


def test_the_relativistic_slope_at_equal_logits_is_one_half():
    real = torch.zeros(1, requires_grad=True)
    relativistic_discriminator(real, torch.zeros(1)).backward()
    assert real.grad.item() == -0.5
