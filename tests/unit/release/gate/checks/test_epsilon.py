from __future__ import annotations

from math import exp, inf, log

import numpy as np
import pytest

from release.gate.checks.epsilon import judge, lower_bound, num_guesses, num_right, p_value
from release.gate.context import PrivacyClaim
from release.gate.policy import Policy


def test_the_p_value_is_that_of_random_guesses() -> None:
    """With epsilon 0 a guess is right with probability 1/2."""
    assert p_value(10, 10, 100, PrivacyClaim(0, 0)) == pytest.approx(2**-10)


def test_delta_adds_what_the_theorem_says() -> None:
    """The sum over i of the paper's appendix D, term by term."""
    from scipy.stats import binom

    right, guesses, included, claim = 9, 12, 100, PrivacyClaim(1.0, 1e-3)
    q = 1 / (1 + exp(-1))
    tail, alpha = 0.0, 0.0
    for i in range(1, right + 1):
        tail += binom.pmf(right - i, guesses, q)
        alpha = max(alpha, tail / i)
    expected = binom.sf(right - 1, guesses, q) + 2 * included * 1e-3 * alpha
    assert p_value(right, guesses, included, claim) == pytest.approx(expected)


def test_right_guesses_alone_bound_epsilon_by_their_number() -> None:
    """All r right: q^r = 0.05 at the bound."""
    q = 0.05 ** (1 / 64)
    assert lower_bound(64, 64, 640, 0.95) == pytest.approx(log(q / (1 - q)), abs=1e-6)


def test_half_of_the_guesses_right_bound_nothing() -> None:
    assert lower_bound(32, 64, 640, 0.95) == 0


def test_the_bound_errs_no_more_often_than_its_confidence() -> None:
    """On randomised response, whose epsilon is known and which the bound is tight for."""
    rng = np.random.default_rng(0)
    claim = PrivacyClaim(1.0, 0.0)
    included = rng.random((2000, 200)) < 0.5
    guessed = included ^ (rng.random(included.shape) < 1 / (1 + exp(claim.epsilon)))
    guesses = num_guesses(200, 0.5)
    bounds = [
        lower_bound(num_right(guessed[k].astype(float), included[k], guesses), guesses, 200, 0.95)
        for k in range(300)
    ]
    assert np.mean(np.array(bounds) > claim.epsilon) < 0.05 + 3 * np.sqrt(0.05 / 300)


def test_guesses_are_even_and_no_more_than_patients() -> None:
    assert num_guesses(1280, 0.1) == 128
    assert num_guesses(3, 0.1) == 2


def test_a_claim_that_the_guesses_refute_is_refused() -> None:
    included = np.arange(400) < 200
    leaking = {"score": included.astype(float)}
    found = judge(leaking, included, Policy(), PrivacyClaim(1.0, 1e-6))
    assert (found.decision, found.code) == ("refused", "epsilon")
    assert judge(leaking, included, Policy(), PrivacyClaim(8.0, 1e-6)).decision == "passed"
    assert judge(leaking, included, Policy(), None).decision == "reported"


def test_a_bound_stays_finite_where_few_are_guessed() -> None:
    assert lower_bound(2, 2, 10, 0.5) < inf
