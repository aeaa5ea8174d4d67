"""The accountant against what is known in closed form, and against attacks that know everything."""

import math

import pytest
import torch

from models.privacy.accounting import (
    composed_mu,
    gaussian_delta,
    gaussian_epsilon,
    gaussian_epsilon_by_renyi,
    gaussian_mu,
)
from models.privacy.noisy_sums import GaussianMechanism

PAIRS = [(epsilon, delta) for epsilon in (0.1, 1, 3, 10) for delta in (1e-3, 1e-5, 1e-8)]


def gaussian_delta_by_quadrature(mu: float, epsilon: float) -> float:
    """Integrate max(0, N(x; mu, 1) - e^epsilon N(x; 0, 1)), which is what delta means."""
    x = torch.linspace(-40, 40, 400_001, dtype=torch.float64)
    with_patient = (-0.5 * (x - mu).square()).exp()
    without = (-0.5 * x.square()).exp()
    excess = (with_patient - math.exp(epsilon) * without).clamp_min(0) / math.sqrt(2 * math.pi)
    return float(torch.trapezoid(excess, x))


@pytest.mark.parametrize("mu", [0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
def test_delta_is_the_integral_that_defines_it(mu, epsilon):
    expected = gaussian_delta_by_quadrature(mu, epsilon)
    assert gaussian_delta(mu, epsilon) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_without_epsilon_delta_is_the_total_variation_of_two_gaussians():
    assert gaussian_delta(1.0, 0.0) == pytest.approx(math.erf(0.5 / math.sqrt(2)))


@pytest.mark.parametrize(("epsilon", "delta"), PAIRS)
def test_the_noise_for_an_epsilon_gives_that_epsilon_back(epsilon, delta):
    mu = gaussian_mu(epsilon, delta)
    assert gaussian_delta(mu, epsilon) == pytest.approx(delta, rel=1e-6)
    assert gaussian_epsilon(mu, delta) == pytest.approx(epsilon, rel=1e-6)


@pytest.mark.parametrize(("epsilon", "delta"), PAIRS)
def test_renyi_never_promises_more_than_the_exact_figure_and_little_less(epsilon, delta):
    bound = gaussian_epsilon_by_renyi(gaussian_mu(epsilon, delta), delta)
    assert epsilon <= bound <= 1.15 * epsilon + 0.05


def test_less_noise_and_smaller_delta_cost_epsilon():
    epsilons = [gaussian_epsilon(mu, 1e-5) for mu in (0.01, 0.1, 0.3, 1, 3)]
    assert epsilons == sorted(epsilons)
    epsilons = [gaussian_epsilon(1.0, delta) for delta in (1e-2, 1e-4, 1e-6, 1e-8)]
    assert epsilons == sorted(epsilons)
    assert gaussian_epsilon(0.0, 1e-5) == 0


def test_two_releases_are_one_of_both_their_dimensions():
    """N(0, 1) against N(mu, 1) in two coordinates is one such test along the diagonal."""
    assert composed_mu([0.3, 0.4]) == pytest.approx(0.5)
    mechanism = GaussianMechanism(mu=0.7, noise=torch.zeros)
    for name, share in (("first", 0.1), ("second", 0.9)):
        mechanism.noisy_sum(name, [torch.zeros(3, 2)], share)
    assert composed_mu(1 / each.sigma for each in mechanism.releases) == pytest.approx(0.7)


def test_the_noise_has_the_spread_that_the_accountant_counts():
    mechanism = GaussianMechanism(mu=0.25)
    released = mechanism.noisy_sum("nothing", [torch.zeros(5, 20_000)], 1.0)
    assert mechanism.releases[0].sigma == pytest.approx(4.0)
    assert float(released.std()) == pytest.approx(4.0, rel=0.03)
    assert abs(float(released.mean())) < 0.15
