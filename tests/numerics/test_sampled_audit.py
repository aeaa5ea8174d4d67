"""An auditor plants canaries in a descent by noisy gradients, and bounds epsilon by guessing.

One fair draw per canary decides whether it is in the training. The score of a canary is its inner
product with all that the steps release: the best test there is for Gaussian noise where it cannot
know who took part in which step. What the accountant says must stand, and code with any of the
usual mistakes must be caught.

Reference: Steinke, Nasr & Jagielski 2023, algorithm 1 (arXiv:2305.08846).
"""

import pytest
import torch

from models.privacy import noisy_sums as under_audit
from models.privacy.accounting import PrivacyCost, epsilon_by_prv, epsilon_by_renyi, sigma_for
from models.privacy.csprng import CsprngNoise
from models.privacy.noisy_sums import PoissonGaussianMechanism
from release.gate.checks import epsilon

NUM_CANARIES, LENGTH = 600, 3000
RATE, STEPS = 0.5, 20
CLAIMED, DELTA = 1.0, 1e-5
SIGMA = 8.7  # enough for what is claimed


class Scaled(CsprngNoise):
    """Noise that someone made smaller or larger."""

    scale = 1.0

    def normal(self, purpose, moment, num_values):
        return self.scale * super().normal(purpose, moment, num_values)


@pytest.fixture(scope="module")
def canaries():
    rng = torch.Generator().manual_seed(0)
    canaries = torch.randn(NUM_CANARIES, LENGTH, generator=rng).double()
    return canaries / canaries.norm(dim=1, keepdim=True)


def audited(sigma, canaries, rate=RATE, noise_scale=1.0, key=b"k" * 32):
    """Bound epsilon from below, at 99 % confidence."""
    source = Scaled(key)
    source.scale = noise_scale
    included = source.uniform(2, 0, NUM_CANARIES) <= 0.5
    rows = torch.where(torch.from_numpy(included)[:, None], canaries, 0.0)
    mechanism = PoissonGaussianMechanism(
        PrivacyCost(sigma, rate, STEPS), NUM_CANARIES, LENGTH, source
    )
    seen = sum(mechanism.noisy_sum(lambda chosen: [rows[chosen]]) for _ in range(STEPS))
    guesses = epsilon.num_guesses(NUM_CANARIES, 0.2)
    right = epsilon.num_right((canaries @ seen).numpy(), included, guesses)
    return epsilon.lower_bound(right, guesses, NUM_CANARIES, 0.99, DELTA)


def test_no_audit_refutes_what_the_accountant_says(canaries):
    assert epsilon_by_prv([PrivacyCost(SIGMA, RATE, STEPS)], DELTA) <= CLAIMED
    keys = [bytes([number]) * 32 for number in range(3)]
    assert max(audited(SIGMA, canaries, key=key) for key in keys) <= CLAIMED


def test_noise_that_was_forgotten_is_caught(canaries):
    assert audited(SIGMA, canaries, noise_scale=0.0) > CLAIMED


def test_clipping_that_was_forgotten_is_caught(canaries, monkeypatch):
    monkeypatch.setattr(under_audit, "clipped", lambda vectors, bound: vectors)
    assert audited(SIGMA, 20 * canaries) > CLAIMED


def test_long_canaries_give_nothing_away_where_they_are_clipped(canaries):
    assert audited(SIGMA, 20 * canaries) <= CLAIMED


def test_an_accountant_given_a_tenth_of_the_sampling_rate_is_caught(canaries):
    """The audit is not blind; and it refutes what is claimed, not what is true."""
    fooled = sigma_for(CLAIMED, DELTA, RATE / 10, STEPS)
    true = epsilon_by_renyi([PrivacyCost(fooled, RATE, STEPS)], DELTA)
    assert CLAIMED < audited(fooled, canaries) <= true
