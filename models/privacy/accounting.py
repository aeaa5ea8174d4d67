"""What noisy sums over sampled patients cost, by two accountants that must agree.

In a step each patient takes part with probability q, by a coin of its own; the sum of what they
add, each no more than C, is let out with noise N(0, (sigma C)^2). Steps follow each other, each
chosen in the light of those before. The figure that counts is that of privacy loss random
variables, which is all but exact; Renyi differential privacy bounds it from above by another road.

References: Abadi et al. 2016 (arXiv:1607.00133); Gopi, Lee & Wutschitz 2021 (arXiv:2106.02848);
Mironov, Talwar & Zhang 2019 (arXiv:1908.10530). Both accountants are Opacus's, whose import takes
seconds and is therefore made where it is needed.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

EPSILON_ERROR = 0.01  # by which the figure may be too high
TOLERANCE = 0.05  # by which it may exceed the upper bound, the error included
ORDERS = [1.5, *range(2, 65), 80, 128, 256, 512, 1024]  # whole ones have a closed form
MIN_SIGMA, MAX_SIGMA = 0.2, 1e5
PRECISION = 1e-2  # to which noise is found, never below what is needed


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
