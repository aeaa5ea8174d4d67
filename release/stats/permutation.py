"""Do members score higher by any of several scores? One exact test of them all.

If the scores do not depend on who was trained on, memberships permuted among the patients of each
class are as likely as the real ones. Each permutation gives every score its rank sum, and its
number of members above the j-th highest of the others, as in `release.stats.fisher`. The smallest
p-value over all scores and tests is held against the smallest one in N permutations: with R of them
as small,

    p = (1 + R) / (1 + N),

which is exact however the scores depend on each other, where Bonferroni's correction would take
every one for a new chance.

References: Westfall and Young 1993, Resampling-Based Multiple Testing, section 2.3; Phipson and
Smyth 2010 (https://doi.org/10.2202/1544-6115.1585); Mann and Whitney 1947
(https://doi.org/10.1214/aoms/1177730491).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, norm

from release.data import Array
from release.stats.fisher import ranks

NUM_PERMUTATIONS = 2999
_SEED = 0

Places = NDArray[np.int64]


def smallest_p_values(
    scores: Sequence[Array],
    member: NDArray[np.bool_],
    labels: NDArray[np.int64],
    rates: Sequence[float],
    num_permutations: int = NUM_PERMUTATIONS,
) -> tuple[float, Array]:
    """Test all scores at once, and name the p-value of each alone.

    Args:
        scores: Of all patients; at least one score.
        member: (patients,), who was trained on; at least one was and one was not.
        labels: (patients,), the classes within which membership was decided.
        rates: False-positive rates at which members are counted.
        num_permutations: N.

    Returns:
        The p-value of all scores together, at least 1 / (1 + N); and (scores,) the smallest p-value
        of each score's tests, not corrected.
    """
    others = np.vstack([np.flatnonzero(~member), _permuted(member, labels, num_permutations)])
    laws = [_law(len(member), others.shape[1], j) for j in _counts(rates, others.shape[1])]
    smallest = np.stack([_p_values(ranks(each)[others], len(member), laws) for each in scores])
    least = smallest.min(0)  # (1 + permutations,)
    as_small = int((least[1:] <= least[0] * (1 + 1e-9)).sum())
    return (1 + as_small) / (1 + num_permutations), smallest[:, 0]


def _permuted(
    member: NDArray[np.bool_], labels: NDArray[np.int64], num_permutations: int
) -> Places:
    """Permute memberships within each class: (permutations, others), who is none."""
    rng = np.random.default_rng(_SEED)
    parts = []
    for label in np.unique(labels):
        patients = np.flatnonzero(labels == label)
        num_others = int((~member[patients]).sum())
        drawn = [
            rng.choice(len(patients), num_others, replace=False, shuffle=False)
            for _ in range(num_permutations)
        ]
        parts.append(patients[np.stack(drawn)])
    return np.hstack(parts)


def _counts(rates: Sequence[float], num_others: int) -> list[int]:
    """Return, of each rate, j: members are counted above the j-th highest of the others."""
    return sorted({min(max(1, floor(rate * (num_others + 1))), num_others) for rate in rates})


def _law(num: int, num_others: int, j: int) -> tuple[int, Array]:
    """Return j, and the chance that the j-th highest other has rank r or a lower one, by r."""
    rank = np.arange(num)
    law: Array = hypergeom.cdf(j - 1, num, num_others, rank)  # at most j - 1 others before it
    return j, law


def _p_values(places: Places, num: int, laws: Sequence[tuple[int, Array]]) -> Array:
    """Return the smallest p-value of one score, (permutations,).

    Args:
        places: (permutations, others), the ranks of the others, 0 the highest.
        num: Patients.
        laws: Of each number of others.
    """
    smallest = _by_rank_sum(places, num)
    kth = [j - 1 for j, _ in laws]
    ordered = np.partition(places, kth, axis=1)
    for j, law in laws:
        smallest = np.minimum(smallest, law[ordered[:, j - 1]])
    return smallest


def _by_rank_sum(places: Places, num: int) -> Array:
    """Return the p-value, (permutations,), of how low the others rank in sum."""
    m = places.shape[1]
    excess = places.sum(1) - m * (num - 1) / 2
    p: Array = norm.sf(excess / np.sqrt(m * (num - m) * (num + 1) / 12))
    return p
