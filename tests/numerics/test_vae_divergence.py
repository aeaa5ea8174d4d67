"""The KL divergence of the posterior from the prior."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from models.families.vae.objectives import divergence_from_prior


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


def test_is_zero_at_the_prior():
    zeros = torch.zeros(3, 5)
    assert torch.equal(divergence_from_prior(zeros, zeros), zeros)


def test_equals_the_closed_form_of_torch():
    mean, log_variance = torch.randn(2, 7, 5, dtype=torch.float64)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(divergence_from_prior(mean, log_variance), expected)


def test_equals_a_monte_carlo_estimate():
    mean, log_variance = torch.tensor(0.7), torch.tensor(-1.2)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    drawn = posterior.sample((200_000,))
    estimate = (posterior.log_prob(drawn) - Normal(0.0, 1.0).log_prob(drawn)).mean().item()
    assert divergence_from_prior(mean, log_variance).item() == pytest.approx(estimate, abs=0.01)
