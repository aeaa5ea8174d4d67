"""Accounting: the epsilon that noisy sums over patients cost, at a given delta.

*Sums over all patients* (`gaussian_...`): a sum that one patient moves by at most C, released with
noise N(0, (sigma C)^2) on every component, is mu-Gaussian differentially private with mu = 1 /
sigma: testing whether the patient took part is as hard as N(0, 1) against N(mu, 1).
Releases that follow each other compose to mu^2 = mu_1^2 + mu_2^2 + ..., without loss.

*Sums over sampled patients* (DP-SGD): in a step each patient takes part with probability q. Two
accountants of Opacus, whose import takes seconds, must agree: privacy loss random variables, which
are all but exact and give the figure that counts, and Renyi differential privacy, which bounds it
from above.

References: Dong, Roth & Su 2022, theorem 1 and corollaries 1 and 2 (arXiv:1905.02383); the first
is the analytic Gaussian mechanism of Balle & Wang 2018, theorem 8 (arXiv:1805.06530). Abadi et al.
2016 (arXiv:1607.00133); Gopi, Lee & Wutschitz 2021 (arXiv:2106.02848); Mironov, Talwar & Zhang 2019
(arXiv:1908.10530).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

MAX_EPSILON = 500.0  # beyond what is worth a promise, and still exp(epsilon) is a number
MAX_MU = 30.0
MIN_SIGMA_RATIO = 1e-6
GAUSSIAN_ORDERS = [1 + 10 ** (step / 50) for step in range(-100, 201)]  # of Renyi, 1.01 to 10,001


EPSILON_ERROR = 0.01  # by which the figure may be too high
TOLERANCE = 0.05  # by which it may exceed the upper bound, the error included
ORDERS = [1.5, *range(2, 65), 80, 128, 256, 512, 1024]  # whole ones have a closed form
MIN_SIGMA, MAX_SIGMA = 0.2, 1e5
PRECISION = 1e-2  # to which noise is found, never below what is needed


def gaussian_delta(mu: float, epsilon: float) -> float:
    """Return the least delta at which mu-Gaussian privacy is (epsilon, delta)-private.

    delta = Phi(mu/2 - epsilon/mu) - exp(epsilon) Phi(-mu/2 - epsilon/mu).
    """
    if mu == 0:
        return 0.0
    likely = _normal_cdf(mu / 2 - epsilon / mu)
    return max(0.0, likely - math.exp(epsilon) * _normal_cdf(-mu / 2 - epsilon / mu))


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Return the least epsilon, up to MAX_EPSILON, at which it is (epsilon, delta)-private."""
    if gaussian_delta(mu, 0.0) <= delta:
        return 0.0
    return _crossing(lambda epsilon: gaussian_delta(mu, epsilon) <= delta, 0.0, MAX_EPSILON)


def gaussian_mu(epsilon: float, delta: float) -> float:
    """Return the largest mu that is still (epsilon, delta)-private."""
    return 1 / _crossing(
        lambda sigma: gaussian_delta(1 / sigma, epsilon) <= delta, 1 / MAX_MU, 1 / MIN_SIGMA_RATIO
    )


def composed_mu(mus: Iterable[float]) -> float:
    """Return the mu of several releases together."""
    return math.hypot(*mus)


def gaussian_epsilon_by_renyi(mu: float, delta: float) -> float:
    """Bound the same epsilon by another road: Renyi differential privacy.

    Of order alpha it is alpha mu^2 / 2, and it implies (epsilon, delta) with
    epsilon = alpha mu^2 / 2 + log((alpha - 1) / alpha) - log(delta alpha) / (alpha - 1). The best
    of many orders is never less than the exact epsilon, and little more.

    Reference: Mironov 2017, proposition 7 (arXiv:1702.07476); Canonne, Kamath & Steinke 2020,
    proposition 12 (arXiv:2004.00010).
    """
    bounds = (
        alpha * mu**2 / 2 + math.log1p(-1 / alpha) - math.log(delta * alpha) / (alpha - 1)
        for alpha in GAUSSIAN_ORDERS
    )
    return max(0.0, min(bounds))


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _crossing(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return where a condition begins to hold, from above; `high` where it never does."""
    for _ in range(200):
        middle = (low + high) / 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high


class PrivacyCost(NamedTuple):
    """Steps of one kind.

    Attributes:
        sigma: Standard deviation of the noise, in units of the most that one patient adds.
        sample_rate: Probability q that a patient takes part in a step, in (0, 1].
        steps: How many.
    """

    sigma: float
    sample_rate: float
    steps: int


Accountant = Callable[[Sequence[PrivacyCost], float], float]


class AccountantsDisagree(ArithmeticError):
    """The exact figure lies above the upper bound: one of the two cannot be right."""


def checked_epsilon(costs: Sequence[PrivacyCost], delta: float) -> float:
    """Return the epsilon of all costs together.

    Raises:
        AccountantsDisagree: The two accountants contradict each other.
    """
    epsilon, bound = epsilon_by_prv(costs, delta), epsilon_by_renyi(costs, delta)
    if not epsilon <= bound + TOLERANCE:
        raise AccountantsDisagree(
            f"Privacy loss random variables put epsilon at {epsilon:.3f}, and by Renyi "
            f"differential privacy it is at most {bound:.3f}: no promise can rest on either. "
            "Choose another number of steps or patients in a batch."
        )
    return epsilon


def epsilon_by_prv(costs: Sequence[PrivacyCost], delta: float) -> float:
    """Bound epsilon from above, tightly, by composing privacy losses numerically."""
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = [tuple(each) for each in costs]
    with _quietly():
        return float(accountant.get_epsilon(delta, eps_error=EPSILON_ERROR))


def epsilon_by_renyi(costs: Sequence[PrivacyCost], delta: float) -> float:
    """Bound epsilon from above, less tightly, by Renyi differential privacy."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [tuple(each) for each in costs]
    with _quietly():
        return float(accountant.get_epsilon(delta, alphas=ORDERS))


@contextmanager
def _quietly() -> Iterator[None]:
    """Let pass what the accountants warn of although their figures stand."""
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        # log(1 - q) where every patient takes part; a bound by the last order, which is a bound
        warnings.filterwarnings("ignore", "Optimal order")
        yield


def sigma_for(epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    """Find the least noise at which so many steps cost epsilon at most.

    The upper bound narrows the search, and the exact figure ends it.

    Raises:
        ValueError: No noise up to `MAX_SIGMA` is enough.
    """

    def costs(accountant: Accountant, sigma: float) -> float:
        return accountant([PrivacyCost(sigma, sample_rate, steps)], delta)

    enough = _least(lambda sigma: costs(epsilon_by_renyi, sigma) <= epsilon, MIN_SIGMA, MAX_SIGMA)
    return _least(lambda sigma: costs(epsilon_by_prv, sigma) <= epsilon, 0.8 * enough, 1.1 * enough)


def _least(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return, from above, where a condition begins to hold."""
    if not holds(high):
        raise ValueError(f"No noise up to {high:g} is enough: ask for fewer steps.")
    while high / low > 1 + PRECISION:
        middle = math.sqrt(low * high)
        if holds(middle):
            high = middle
        else:
            low = middle
    return high
