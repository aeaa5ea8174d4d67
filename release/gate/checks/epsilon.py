"""G5: the least epsilon that is consistent with what the set reveals: a one-run audit.

Fair random draws decided which patients of the audit pool were included in the training. An auditor
who sees the set and not the draws guesses r of them, r fixed before. If what made the set is
(epsilon, delta)-differentially private, the number W of right guesses satisfies

    P(W >= v) <= P(B >= v) + 2 c delta max_i P(v - i <= B < v) / i,    i = 1 ... v,

with B ~ Binomial(r, 1 / (1 + exp(-epsilon))) and c patients in the pool. The largest epsilon that
the right guesses refute is a lower bound.

Reference: Steinke, Nasr and Jagielski 2023, theorem 5.2 (arXiv:2305.08846).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binom

from release.data import Array
from release.gate.context import Check, Context, PrivacyClaim
from release.gate.finding import Finding, Reason
from release.gate.policy import Policy
from release.stats.fisher import members_by_rank

REASON = Reason(
    "epsilon",
    "the set reveals more than the claimed differential privacy allows",
    ("look for the error in the training with differential privacy",),
)
_LARGEST = 50.0  # beyond it the guesses are certain within double precision


def run(context: Context) -> Finding:
    """Audit by the patients of the pool, one image of each."""
    pool = context.index.images.in_audit_pool
    return judge(
        {name: values[pool] for name, values in context.scores.items()},
        context.index.images.included[pool],
        context.policy,
        context.candidate.claim,
    )


def num_guesses(num_audited: int, share: float) -> int:
    """Return how many guesses are made of so many patients: half of them included, half not."""
    return min(2 * max(1, int(share * num_audited / 2)), num_audited - num_audited % 2)


def num_right(scores: Array, included: NDArray[np.bool_], guesses: int) -> int:
    """Count the right guesses: the highest scores were included, the lowest were not.

    Args:
        scores: (c,), made without knowledge of who was included.
        included: (c,), who was included in the training.
        guesses: An even number, at most c.
    """
    by_rank = members_by_rank(scores, included)
    half = guesses // 2
    return int(by_rank[:half].sum() + (~by_rank[len(by_rank) - half :]).sum())


def p_value(right: int, guesses: int, num_audited: int, claim: PrivacyClaim) -> float:
    """Bound the chance of as many right guesses under differential privacy."""
    q = float(expit(claim.epsilon))
    p = float(binom.sf(right - 1, guesses, q))
    if right and claim.delta:
        i = np.arange(1, right + 1)
        tails = binom.sf(right - 1 - i, guesses, q) - binom.sf(right - 1, guesses, q)
        p += 2 * num_audited * claim.delta * float((tails / i).max())
    return min(1.0, p)


def lower_bound(
    right: int, guesses: int, num_audited: int, confidence: float, delta: float = 0.0
) -> float:
    """Return the largest epsilon that the right guesses refute, at least 0."""

    def excess(epsilon: float) -> float:
        return p_value(right, guesses, num_audited, PrivacyClaim(epsilon, delta)) - (1 - confidence)

    if excess(0.0) >= 0:
        return 0.0
    if excess(_LARGEST) < 0:
        return inf
    return float(brentq(excess, 0.0, _LARGEST))


def judge(
    scores: Mapping[str, Array],
    included: NDArray[np.bool_],
    policy: Policy,
    claim: PrivacyClaim | None,
) -> Finding:
    """Bound epsilon by the best of the scores, and compare it with what is claimed.

    Args:
        scores: By attack, (c,), of one image of each patient of the audit pool.
        included: (c,), who was included in the training.
        policy: Says how many guesses and at which confidence, divided among the scores.
        claim: What the model claims; None where it claims nothing.
    """
    guesses = num_guesses(len(included), policy.audit_guess_share)
    confidence = 1 - (1 - policy.audit_confidence) / len(scores)
    delta = claim.delta if claim else 0.0
    right = {name: num_right(values, included, guesses) for name, values in scores.items()}
    bounds = {
        name: lower_bound(count, guesses, len(included), confidence, delta)
        for name, count in right.items()
    }
    bound = max(bounds.values())
    violated = claim is not None and bound > claim.epsilon
    against = f"; {claim.epsilon:g} is claimed" if claim else ""
    return CHECK.finding(
        decision="refused" if violated else "passed" if claim else "reported",
        statistic=round(min(bound, _LARGEST), 1),
        threshold=claim.epsilon if claim else None,
        text="What the set reveals is consistent with an epsilon of "
        f"{min(bound, _LARGEST):.1f} or more{against}.",
        public={"num_guesses": guesses, "confidence": policy.audit_confidence},
        private={"bounds": bounds, "right": right},
    )


CHECK = Check(
    id="G5",
    name="lower bound on epsilon",
    null="What made the set has the differential privacy that is claimed.",
    statistic="One-run audit: guesses on who of the audit pool was included in the training, their "
    "number fixed before",
    decision="Steinke, Nasr and Jagielski 2023, arXiv:2305.08846; it refuses where a claimed "
    "epsilon is refuted, and is reported where none is claimed",
    run=run,
    reasons=(REASON,),
)
