from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom, fisher_exact

from release.stats.fisher import (
    above,
    members_by_rank,
    p_value,
    rank_p_value,
)


def shuffled(rng: np.random.Generator, members: int, others: int) -> np.ndarray:
    return rng.permutation(np.arange(members + others) < members)


def test_the_p_value_is_fishers_of_members_and_others_above_and_below() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        by_rank = shuffled(rng, 60, 40)
        found = above(by_rank, 0.1)
        table = [
            [found.num_members, 60 - found.num_members],
            [found.num_others, 40 - found.num_others],
        ]
        expected = fisher_exact(table, alternative="greater").pvalue
        assert p_value(by_rank, 0.1) == pytest.approx(expected)


def test_it_is_the_law_of_the_members_beyond_the_jth_other() -> None:
    """The same tail from the other side: K is beta-binomial, as the flags of G1 are."""
    rng = np.random.default_rng(1)
    members, others = 200, 99
    for rate, j in ((0.002, 1), (0.05, 5)):
        by_rank = shuffled(rng, members, others)
        k = above(by_rank, rate).num_members
        expected = betabinom.sf(k - 1, members, j, others + 1 - j)
        assert p_value(by_rank, rate) == pytest.approx(expected)


@pytest.mark.parametrize("rate", [0.002, 0.01, 0.05])
def test_exchangeable_scores_are_refused_no_more_often_than_the_level(rate: float) -> None:
    rng = np.random.default_rng(2)
    p_values = np.array([p_value(shuffled(rng, 360, 150), rate) for _ in range(2000)])
    for level in (0.01, 0.05, 0.2):
        assert np.mean(p_values <= level) < level + 3 * np.sqrt(level / 2000)


def test_equal_scores_favour_neither_members_nor_others() -> None:
    member = np.arange(1000) < 500
    by_rank = members_by_rank(np.zeros(1000), member)
    assert abs(int(by_rank[:500].sum()) - 250) < 50
    assert p_value(by_rank, 0.05) > 0.001


def test_members_that_all_score_higher_are_found() -> None:
    member = np.arange(400) < 300
    assert p_value(members_by_rank(member.astype(float), member), 0.01) < 1e-20


def test_one_other_suffices() -> None:
    assert p_value(np.array([True, False, True]), 0.01) == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(3))
def test_ranks_of_exchangeable_scores_reject_no_more_often_than_their_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = [rank_p_value(rng.permutation(np.arange(200) < 90)) for _ in range(300)]
    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=0.06)
