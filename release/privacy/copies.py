"""G1: is a film a copy, and are there more copies than chance explains?

Let r_1 <= ... <= r_m be the closeness of one held-out film of each patient. A film is flagged when
its own closeness is at most r_j, j = max(1, floor(share (m + 1))). If the films are drawn like the
held-out ones, the share that is flagged follows Beta(j, m + 1 - j), the law of the j-th of m ranks,
so that of n films BetaBinomial(n; j, m + 1 - j) are. This is exact for films drawn independently,
whatever the law of the distances.

A set may show a class more often than H does. If classes differ in how often films come near, the
law no longer holds: real films of a rare class with unnamed patients in it were refused in 3 of 12
runs. Let rho be the largest ratio of a class's share in the set to its share in H. Whatever the
classes' own laws are, the share flagged is at most rho B, B ~ Beta(j, m + 1 - j), so that

    P(K >= k) <= E[P(Binomial(n, min(1, rho B)) >= k)],

which is the law above where the shares are the same, rho = 1.

Reference: Wilks 1942, Annals of Mathematical Statistics 13, 400-409 (tolerance limits); Bates et
al. 2023, theorem 2 (arXiv:2104.08279).
"""

from __future__ import annotations

from math import floor, inf

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, betabinom, binom

from release.policy import Policy
from release.privacy.density import Array
from release.verdict import Finding

_ROUNDING = 1e-9
_TAIL = np.r_[np.logspace(-9, -2, 1500), np.linspace(0.01, 1, 1500)[1:]]  # of the law of B


def rank_of_threshold(num_patients: int, share: float) -> int:
    """Return j: the flag stands at the j-th smallest held-out closeness."""
    return max(1, floor(share * (num_patients + 1)))


def flagged(closeness: Array, held_out: Array, share: float) -> NDArray[np.bool_]:
    """Flag the films that are as near to T as the nearest held-out films, or nearer.

    Args:
        closeness: (n,), of the films.
        held_out: (m,), of one held-out film of each patient; at least one.
        share: Of honest films that may be flagged.
    """
    j = rank_of_threshold(len(held_out), share)
    flags: NDArray[np.bool_] = closeness <= np.partition(held_out, j - 1)[j - 1]
    return flags


def p_value(
    num_flagged: int, num_films: int, num_patients: int, share: float, excess: float = 1.0
) -> float:
    """Return the chance that as many or more of honest films are flagged, or a bound on it.

    Args:
        num_flagged: k.
        num_films: n.
        num_patients: m.
        share: Of honest films that may be flagged.
        excess: rho, at least 1; infinite where nothing is known of a class.
    """
    j = rank_of_threshold(num_patients, share)
    if excess == 1:
        return float(betabinom.sf(num_flagged - 1, num_films, j, num_patients + 1 - j))
    if excess == inf:
        return 1.0
    rates = np.minimum(1, excess * beta.isf(_TAIL, j, num_patients + 1 - j))
    chances = binom.sf(num_flagged - 1, num_films, rates)
    return min(1.0, float(np.trapezoid(chances, _TAIL)) + float(_TAIL[0]))


def excess_share(weights: NDArray[np.float64], held_out: NDArray[np.int64]) -> float:
    """Return rho, at least 1; infinite where a class of the set has nobody held out.

    An image between classes counts for each by its weight: else a rare class could be asked for as
    mixtures that are nearly all of it.

    Args:
        weights: (n, classes), how much of each class the set's images show; rows add up to 1, or to
            0 where nothing is said of an image.
        held_out: Class of one film of each held-out patient.
    """
    shown = weights.sum(0)
    shares = shown / max(1.0, float(shown.sum()))
    known = np.bincount(held_out, minlength=len(shares)) / len(held_out)
    # a class that is not shown has no excess, not even where nobody is held out
    ratios = np.divide(shares, known, np.where(shares > 0, np.inf, 0.0), where=known > 0)
    ratio = float(ratios.max(initial=1.0))
    return 1.0 if ratio < 1 + _ROUNDING else ratio


def copies(
    flags: NDArray[np.bool_], num_patients: int, policy: Policy, excess: float = 1.0
) -> Finding:
    """Judge how many films were flagged, by the metric that flagged most.

    Args:
        flags: (metrics, n), for each film drawn, also those drawn in place of flagged ones.
        num_patients: m, patients of H.
        policy: Says at which level.
        excess: rho, by which the set's classes are shared otherwise than those of H.
    """
    num_metrics, num_films = flags.shape
    counts = [int(count) for count in flags.sum(1)]
    p_values = [
        p_value(count, num_films, num_patients, policy.flag_share, excess) for count in counts
    ]
    p = min(1.0, num_metrics * min(p_values))
    num_flagged = int(flags.any(0).sum())
    refused = p < policy.alpha / 3 or num_flagged == num_films
    return Finding(
        id="G1",
        name="copies",
        decision="refused" if refused else "passed",
        code="memorises" if refused else None,
        statistic=num_flagged,
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"{num_flagged} of {num_films} films drawn were nearer to a training film than "
        "held-out films are.",
        public={"num_drawn": num_films, "num_flagged": num_flagged, "excess": excess},
        private={"num_flagged_by_metric": counts, "p_value_by_metric": p_values},
    )
