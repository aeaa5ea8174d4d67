"""What keeps the discriminator smooth, where its gradient is known."""

import pytest
import torch
from torch import nn

from models.families.gan.objectives import (
    clip_weights,
    squared_gradient_norm,
    unit_gradient_deviation,
)


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


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


def linear(weight):
    return lambda x: x.flatten(1) @ weight


def test_a_linear_critic_of_unit_slope_pays_no_penalty():
    weight = torch.nn.functional.normalize(torch.randn(64), dim=0)
    deviation = unit_gradient_deviation(linear(weight), *torch.randn(2, 5, 1, 8, 8))
    assert deviation.item() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("slope", [0.25, 3.0])
def test_a_linear_critic_pays_the_square_of_what_its_slope_lacks_or_exceeds(slope):
    weight = slope * torch.nn.functional.normalize(torch.randn(64), dim=0)
    deviation = unit_gradient_deviation(linear(weight), *torch.randn(2, 5, 1, 8, 8))
    assert deviation.item() == pytest.approx((slope - 1) ** 2, rel=1e-4)


def test_the_unit_gradient_is_asked_for_between_real_and_synthetic_images():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.sum((1, 2, 3))

    real, synthetic = torch.zeros(50, 1, 4, 4), torch.ones(50, 1, 4, 4)
    unit_gradient_deviation(critic, real, synthetic)
    [between] = seen
    places = between.flatten(1)
    assert (places == places[:, :1]).all()
    assert places.min() >= 0
    assert places.max() <= 1
    assert len(places[:, 0].unique()) == 50


def test_clipped_weights_stay_within_their_bound_and_the_rest_are_left():
    network = nn.Linear(20, 20)
    before = network.weight.detach().clone()
    clip_weights(network, 0.1)
    assert network.weight.abs().max() <= 0.1
    inside = before.abs() <= 0.1
    assert torch.equal(network.weight[inside], before[inside])
