"""How much Gaussian noise hides, in closed form; imports no torch.

A sum that one patient moves by at most C, released with noise N(0, (sigma C)^2) on every component,
is mu-Gaussian differentially private with mu = 1 / sigma: a test of whether the
patient took part does no better than one of N(0, 1) against N(mu, 1). Releases that follow each
other, each chosen in the light of those before, compose to mu^2 = mu_1^2 + mu_2^2 + ..., without
loss.

Reference: Dong, Roth & Su 2022, theorem 1 and corollaries 1 and 2 (arXiv:1905.02383); the first
is the analytic Gaussian mechanism of Balle & Wang 2018, theorem 8 (arXiv:1805.06530).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

MAX_EPSILON = 500.0  # beyond what is worth a promise, and still exp(epsilon) is a number
MAX_MU = 30.0
MIN_SIGMA_RATIO = 1e-6
ORDERS = [1 + 10 ** (step / 50) for step in range(-100, 201)]  # of Renyi, 1.01 to 10,001


def delta_of(mu: float, epsilon: float) -> float:
    """Return the least delta at which mu-Gaussian privacy is (epsilon, delta)-private.

    delta = Phi(mu/2 - epsilon/mu) - exp(epsilon) Phi(-mu/2 - epsilon/mu).
    """
    if mu == 0:
        return 0.0
    likely = _normal_cdf(mu / 2 - epsilon / mu)
    return max(0.0, likely - math.exp(epsilon) * _normal_cdf(-mu / 2 - epsilon / mu))


def epsilon_of(mu: float, delta: float) -> float:
    """Return the least epsilon, up to MAX_EPSILON, at which it is (epsilon, delta)-private."""
    if delta_of(mu, 0.0) <= delta:
        return 0.0
    return _crossing(lambda epsilon: delta_of(mu, epsilon) <= delta, 0.0, MAX_EPSILON)


def mu_for(epsilon: float, delta: float) -> float:
    """Return the largest mu that is still (epsilon, delta)-private."""
    return 1 / _crossing(
        lambda sigma: delta_of(1 / sigma, epsilon) <= delta, 1 / MAX_MU, 1 / MIN_SIGMA_RATIO
    )


def composed(mus: Iterable[float]) -> float:
    """Return the mu of several releases together."""
    return math.hypot(*mus)


def epsilon_by_renyi(mu: float, delta: float) -> float:
    """Bound the same epsilon by another road: Renyi differential privacy.

    Of order alpha it is alpha mu^2 / 2, and it implies (epsilon, delta) with
    epsilon = alpha mu^2 / 2 + log((alpha - 1) / alpha) - log(delta alpha) / (alpha - 1). The best
    of many orders is never less than the exact epsilon, and little more.

    Reference: Mironov 2017, proposition 7 (arXiv:1702.07476); Canonne, Kamath & Steinke 2020,
    proposition 12 (arXiv:2004.00010).
    """
    bounds = (
        alpha * mu**2 / 2 + math.log1p(-1 / alpha) - math.log(delta * alpha) / (alpha - 1)
        for alpha in ORDERS
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
