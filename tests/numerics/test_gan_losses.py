"""The relativistic loss and the gradient penalties."""

import math

import pytest
import torch
from torch import nn

from models.families.gan.losses import relativistic_pairing, squared_gradient_norm


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


def test_equal_logits_cost_log_two_on_either_side():
    logits = torch.randn(6)
    assert relativistic_pairing(logits, logits).item() == pytest.approx(math.log(2))


def test_only_the_difference_of_the_partners_counts():
    favoured, other = torch.randn(2, 6, dtype=torch.float64)
    shifted = relativistic_pairing(favoured + 3, other + 3)
    torch.testing.assert_close(shifted, relativistic_pairing(favoured, other))


def test_the_two_sides_differ_by_the_mean_gap():
    """softplus(t) - softplus(-t) = t."""
    real, synthetic = torch.randn(2, 6, dtype=torch.float64)
    gap = relativistic_pairing(synthetic, real) - relativistic_pairing(real, synthetic)
    torch.testing.assert_close(gap, (real - synthetic).mean())


def test_slope_at_equal_logits_is_one_half():
    favoured = torch.zeros((), requires_grad=True)
    relativistic_pairing(favoured.view(1), torch.zeros(1)).backward()
    assert favoured.grad is not None
    assert favoured.grad.item() == -0.5


def test_penalty_of_a_linear_discriminator_is_its_squared_weight():
    weight = torch.randn(64)
    penalty = squared_gradient_norm(lambda x: x.flatten(1) @ weight, torch.randn(5, 1, 8, 8))
    torch.testing.assert_close(penalty, weight.square().sum())


def test_penalty_of_a_quadratic_discriminator_is_its_squared_slope():
    images = torch.randn(5, 1, 8, 8)
    penalty = squared_gradient_norm(lambda x: x.square().sum((1, 2, 3)), images)
    torch.testing.assert_close(penalty, (2 * images).square().sum((1, 2, 3)).mean())


def test_penalty_of_a_deaf_discriminator_is_zero():
    penalty = squared_gradient_norm(lambda x: 0 * x.sum((1, 2, 3)) + 3, torch.randn(5, 1, 8, 8))
    assert penalty.item() == 0


def test_penalty_has_a_gradient_for_the_weights():
    """d|w|^2 / dw = 2 w: the second backward pass is right."""
    weight = torch.randn(64, requires_grad=True)
    squared_gradient_norm(lambda x: x.flatten(1) @ weight, torch.randn(5, 1, 8, 8)).backward()
    torch.testing.assert_close(weight.grad, 2 * weight)


def test_penalty_in_bfloat16_agrees_with_float32():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(1024, 1)
    )
    images = torch.randn(16, 1, 8, 8)
    gradients = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            penalty = squared_gradient_norm(network, images)
        [gradient] = torch.autograd.grad(penalty, [network[0].weight])
        gradients.append(gradient.flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.999
