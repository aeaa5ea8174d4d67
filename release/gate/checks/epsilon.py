"""G5: the least epsilon that the set's leakage is consistent with.

Fair coins decided which of the audited patients were trained on. An auditor who sees the set and
not the coins guesses r of them, r fixed before. If what made the set is (epsilon, delta)-
differentially private, the number W of right guesses satisfies

    P(W >= v) <= P(B >= v) + 2 c delta max_i P(v - i <= B < v) / i,    i = 1 ... v,

with B ~ Binomial(r, 1 / (1 + exp(-epsilon))) and c coins. The largest epsilon that the right
guesses refute is a lower bound.

Reference: Steinke, Nasr and Jagielski 2023, theorem 5.2 (arXiv:2305.08846).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binom

from release.gate.policy import Policy
from release.gate.verdict import Finding
from release.similarity.knn import Array
from release.stats.fisher import members_by_rank

_LARGEST = 50.0  # beyond it the guesses are certain within double precision


class Claim(NamedTuple):
    """Differential privacy that a model claims, with the patient as its unit."""

    epsilon: float
    delta: float


def num_guesses(num_coins: int, share: float) -> int:
    """Return how many guesses are made of so many coins: half that they came in, half not."""
    return min(2 * max(1, int(share * num_coins / 2)), num_coins - num_coins % 2)


def num_right(scores: Array, coins: NDArray[np.bool_], guesses: int) -> int:
    """Count the right guesses: the highest scores came in, the lowest did not.

    Args:
        scores: (c,), made without knowledge of the coins.
        coins: (c,), who came in.
        guesses: An even number, at most c.
    """
    by_rank = members_by_rank(scores, coins)
    half = guesses // 2
    return int(by_rank[:half].sum() + (~by_rank[len(by_rank) - half :]).sum())


def p_value(right: int, guesses: int, num_coins: int, claim: Claim) -> float:
    """Bound the chance of as many right guesses under differential privacy."""
    q = float(expit(claim.epsilon))
    p = float(binom.sf(right - 1, guesses, q))
    if right and claim.delta:
        i = np.arange(1, right + 1)
        tails = binom.sf(right - 1 - i, guesses, q) - binom.sf(right - 1, guesses, q)
        p += 2 * num_coins * claim.delta * float((tails / i).max())
    return min(1.0, p)


def lower_bound(
    right: int, guesses: int, num_coins: int, confidence: float, delta: float = 0.0
) -> float:
    """Return the largest epsilon that the right guesses refute, at least 0."""

    def excess(epsilon: float) -> float:
        return p_value(right, guesses, num_coins, Claim(epsilon, delta)) - (1 - confidence)

    if excess(0.0) >= 0:
        return 0.0
    if excess(_LARGEST) < 0:
        return inf
    return float(brentq(excess, 0.0, _LARGEST))


def epsilon(
    scores: Mapping[str, Array], coins: NDArray[np.bool_], policy: Policy, claim: Claim | None
) -> Finding:
    """Bound epsilon by the best of the scores, and hold it against what is claimed.

    Args:
        scores: By name, (c,), of one image of each patient who had a coin.
        coins: (c,), who came in.
        policy: Says how many guesses and at which confidence, divided among the scores.
        claim: What the model claims; None where it claims nothing.
    """
    guesses = num_guesses(len(coins), policy.audit_guess_share)
    confidence = 1 - (1 - policy.audit_confidence) / len(scores)
    delta = claim.delta if claim else 0.0
    right = {name: num_right(values, coins, guesses) for name, values in scores.items()}
    bounds = {
        name: lower_bound(count, guesses, len(coins), confidence, delta)
        for name, count in right.items()
    }
    bound = max(bounds.values())
    violated = claim is not None and bound > claim.epsilon
    against = f"; {claim.epsilon:g} is claimed" if claim else ""
    return Finding(
        id="G5",
        name="lower bound on epsilon",
        decision="refused" if violated else "passed" if claim else "reported",
        code="epsilon" if violated else None,
        statistic=round(min(bound, _LARGEST), 1),
        threshold=claim.epsilon if claim else None,
        p_value=None,
        text=f"What leaked is consistent with an epsilon of {_told(bound)} or more{against}.",
        public={"num_guesses": guesses, "confidence": policy.audit_confidence},
        private={"bounds": bounds, "right": right},
    )


def _told(bound: float) -> str:
    return f"{min(bound, _LARGEST):.1f}"
