from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact, mannwhitneyu

from release.stats.permutation import NUM_PERMUTATIONS, smallest_p_values

RATES = (0.01, 0.05)
MEMBER = np.arange(300) < 200
ONE_CLASS = np.zeros(300, np.int64)


def drawn(shift: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift * MEMBER, 1)


def p_value(*scores: np.ndarray, labels: np.ndarray = ONE_CLASS) -> float:
    return smallest_p_values(scores, MEMBER, labels, RATES)[0]


def test_under_exchangeable_members_the_p_value_is_uniform() -> None:
    """Also of several scores that depend on each other."""
    found = []
    for seed in range(200):
        score = drawn(0, seed)
        scores = [score, -score, score + drawn(0, 1000 + seed)]
        found.append(smallest_p_values(scores, MEMBER, ONE_CLASS, RATES, num_permutations=99)[0])
    for level in (0.1, 0.3, 0.6):
        share = np.mean(np.array(found) <= level)
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / len(found))


def test_no_p_value_is_below_what_the_permutations_can_resolve() -> None:
    assert p_value(MEMBER.astype(float)) == 1 / (1 + NUM_PERMUTATIONS)


def test_each_score_alone_has_the_smaller_of_fishers_and_of_mann_and_whitneys_p_value() -> None:
    for seed, shift in enumerate((0.0, 0.2, 0.5)):
        score = drawn(shift, seed)
        by_rank = mannwhitneyu(
            score[MEMBER], score[~MEMBER], alternative="greater", use_continuity=False
        ).pvalue
        others = np.sort(score[~MEMBER])[::-1]
        tables = []
        for j in (1, 5):
            above, fewer = int((score[MEMBER] > others[j - 1]).sum()), j - 1
            tables.append([[above, 200 - above], [fewer, 100 - fewer]])
        tails = [fisher_exact(table, alternative="greater").pvalue for table in tables]
        alone = smallest_p_values([score], MEMBER, ONE_CLASS, RATES)[1][0]
        assert alone == pytest.approx(min(by_rank, *tails), rel=1e-6)


def test_the_same_score_twice_costs_nothing() -> None:
    score = drawn(0.25, 3)
    assert p_value(score, score) == p_value(score)


def test_what_distinguishes_classes_distinguishes_nobody_within_a_class() -> None:
    """Members are all of one class but a few: a score of the class alone is no leak."""
    labels = (np.arange(300) >= 190).astype(np.int64)
    labels[200:204] = 0
    of_class = -labels + 0.01 * drawn(0, 5)
    assert p_value(of_class) < 0.01
    assert p_value(of_class, labels=labels) > 0.05
