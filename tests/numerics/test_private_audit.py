"""An auditor plants canaries, sees what is released, and bounds epsilon from below by guessing.

One fair draw per canary decides whether it is included. The score of a canary is its inner product
with the noisy sum: the best test there is for Gaussian noise. The code's guarantee must hold, and
code with any of the usual mistakes must be caught.

Reference: Steinke, Nasr & Jagielski 2023, algorithm 1 (arXiv:2305.08846).
"""

import pytest
import torch

from models.privacy import noisy_sums as under_audit
from models.privacy.accounting import gaussian_mu
from models.privacy.noisy_sums import GaussianMechanism
from release.gate.checks import epsilon

NUM_CANARIES, LENGTH = 1000, 4000
CLAIMED, DELTA = 1.0, 1e-5


def audited(mu, canaries, rng, noise_scale=1.0):
    """Bound epsilon from below, at 99 % confidence."""
    included = torch.rand(NUM_CANARIES, generator=rng) < 0.5
    rows = torch.where(included[:, None], canaries, 0.0)
    mechanism = GaussianMechanism(mu, lambda k: noise_scale * torch.randn(k, generator=rng))
    scores = canaries @ mechanism.noisy_sum("canaries", rows.split(100), 1.0)
    guesses = epsilon.num_guesses(NUM_CANARIES, 0.2)
    right = epsilon.num_right(scores.numpy(), included.numpy(), guesses)
    return epsilon.lower_bound(right, guesses, NUM_CANARIES, 0.99, DELTA)


def directions(rng):
    canaries = torch.randn(NUM_CANARIES, LENGTH, generator=rng).double()
    return canaries / canaries.norm(dim=1, keepdim=True)


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def test_no_audit_refutes_what_the_right_code_promises(rng):
    bounds = [audited(gaussian_mu(CLAIMED, DELTA), directions(rng), rng) for _ in range(5)]
    assert max(bounds) <= CLAIMED


def test_an_audit_does_find_what_an_honest_mechanism_releases(rng):
    """At epsilon 10 much is to be seen, or else the audit would be blind."""
    assert 1 < audited(gaussian_mu(10.0, DELTA), directions(rng), rng) <= 10


def test_noise_that_was_forgotten_is_caught(rng):
    mu = gaussian_mu(CLAIMED, DELTA)
    assert audited(mu, directions(rng), rng, noise_scale=0.0) > CLAIMED


def test_clipping_that_was_forgotten_is_caught(rng, monkeypatch):
    monkeypatch.setattr(under_audit, "clipped", lambda vectors, bound: vectors)
    assert audited(gaussian_mu(CLAIMED, DELTA), 20 * directions(rng), rng) > CLAIMED


def test_long_canaries_give_nothing_away_where_they_are_clipped(rng):
    assert audited(gaussian_mu(CLAIMED, DELTA), 20 * directions(rng), rng) <= CLAIMED


def test_an_accountant_given_a_tenth_of_what_is_spent_is_caught(rng):
    assert audited(10 * gaussian_mu(CLAIMED, DELTA), directions(rng), rng) > CLAIMED
