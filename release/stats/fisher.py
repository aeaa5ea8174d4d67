"""Do members score higher than others? Tests of ranks, whatever the law of the scores.

If the scores of members and others are exchangeable, any order of them is as likely. With the
threshold at the j-th largest score of the m others, K of the n members lie above it with j - 1
others, and

    P(K >= k) = P(at most j - 1 others among the k + j - 1 highest of all),

a hypergeometric tail: Fisher's exact test of the table of members and others above and below. Equal
scores are put in a random order, which a seed fixes.

References: Fisher 1934, Statistical Methods for Research Workers, section 21.02; Mann and Whitney
1947 (doi:10.1214/aoms/1177730491).
"""

from __future__ import annotations

from math import floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, mannwhitneyu

from release.data import Array

_TIE_SEED = 0


class Above(NamedTuple):
    """How many score above a threshold that few others reach."""

    num_members: int
    num_others: int


def members_by_rank(scores: Array, member: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return who is a member, from the highest score to the lowest."""
    return member[_from_the_highest(scores)]


def ranks(scores: Array) -> NDArray[np.int64]:
    """Return the rank of each score, from 0 for the highest."""
    ranked = np.empty(len(scores), np.int64)
    ranked[_from_the_highest(scores)] = np.arange(len(scores))
    return ranked


def above(by_rank: NDArray[np.bool_], rate: float) -> Above:
    """Count who scores above the j-th other, j = max(1, floor(rate (m + 1)))."""
    others = np.flatnonzero(~by_rank)
    j = min(max(1, floor(rate * (len(others) + 1))), len(others))
    return Above(int(others[j - 1]) - (j - 1), j - 1)


def p_value(by_rank: NDArray[np.bool_], rate: float) -> float:
    """Return the chance that as many or more members lie above the threshold.

    Args:
        by_rank: Who is a member, from the highest score down; at least one is not.
        rate: False-positive rate, which sets the threshold.
    """
    found = above(by_rank, rate)
    num_above = found.num_members + found.num_others
    num_members = int(by_rank.sum())
    return float(hypergeom.sf(found.num_members - 1, len(by_rank), num_members, num_above))


def rank_p_value(by_rank: NDArray[np.bool_]) -> float:
    """Return the chance that members rank as high or higher by chance, all of them together.

    Args:
        by_rank: Who is a member, from the highest score down; at least one is not.
    """
    places = -np.arange(len(by_rank))
    found = mannwhitneyu(places[by_rank], places[~by_rank], alternative="greater")
    return float(found.pvalue)


def upper_p_values(by_rank: NDArray[np.bool_], rates: tuple[float, ...]) -> list[float]:
    """Test whether members score higher: by the tail at each rate, and by all ranks."""
    return [*(p_value(by_rank, rate) for rate in rates), rank_p_value(by_rank)]


def _from_the_highest(scores: Array) -> NDArray[np.int64]:
    ties = np.random.default_rng(_TIE_SEED).random(len(scores))
    return np.lexsort((ties, -scores))
