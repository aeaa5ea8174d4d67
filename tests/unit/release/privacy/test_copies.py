from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom

from release.films import class_weights
from release.policy import Policy
from release.privacy.copies import copies, excess_share, flagged, p_value, rank_of_threshold

POLICY = Policy()


@pytest.mark.parametrize(("num_patients", "rank"), [(1, 1), (640, 1), (1998, 1), (1999, 2)])
def test_the_flag_stands_at_a_thousandth_of_the_held_out_patients(
    num_patients: int, rank: int
) -> None:
    assert rank_of_threshold(num_patients, 0.001) == rank


def test_a_film_as_near_as_the_nearest_held_out_one_is_flagged() -> None:
    held_out = np.array([0.9, 0.4, 0.7])
    assert flagged(np.array([0.1, 0.4, 0.41]), held_out, 0.001).tolist() == [True, True, False]


def test_the_p_value_is_that_of_so_many_flags_or_more() -> None:
    assert p_value(0, 50, 640, 0.001) == pytest.approx(1)
    expected = betabinom.pmf(range(3, 51), 50, 1, 640).sum()
    assert p_value(3, 50, 640, 0.001) == pytest.approx(expected)


def test_honest_films_are_refused_as_often_as_alpha_says() -> None:
    """Any law will do, since only ranks count."""
    rng = np.random.default_rng(0)
    num_films, num_patients, trials = 400, 300, 3000
    films = rng.lognormal(size=(trials, num_films))
    held_out = rng.lognormal(size=(trials, num_patients))
    p_values = [
        p_value(int(flagged(a, b, 0.001).sum()), num_films, num_patients, 0.001)
        for a, b in zip(films, held_out, strict=True)
    ]
    for level in (0.01, 0.05, 0.2):
        share = np.mean(np.array(p_values) <= level)
        assert share < level + 3 * np.sqrt(level * (1 - level) / trials)


def test_each_metric_has_its_part_of_the_level() -> None:
    """The same flags are less telling when four metrics looked for them."""
    flags = np.zeros((1, 1000), np.bool_)
    flags[0, :9] = True
    quiet = np.zeros((3, 1000), np.bool_)
    alone, among_four = (
        copies(each, 640, POLICY) for each in (flags, np.concatenate([flags, quiet]))
    )
    assert alone.p_value is not None
    assert among_four.p_value == pytest.approx(min(1.0, 4 * alone.p_value))


def test_too_many_flags_refuse_a_set() -> None:
    flags = np.zeros((1, 1000), np.bool_)
    flags[0, :12] = True
    finding = copies(flags, 640, POLICY)
    assert (finding.decision, finding.code, finding.statistic) == ("refused", "memorises", 12)


def test_a_set_of_flagged_films_alone_is_refused_however_small() -> None:
    assert copies(np.ones((4, 1), np.bool_), 640, POLICY).decision == "refused"


def test_the_bound_for_other_class_shares_meets_the_law_for_the_same() -> None:
    for k in (1, 5, 12):
        exact = p_value(k, 800, 400, 0.001)
        assert p_value(k, 800, 400, 0.001, 1 + 1e-9) == pytest.approx(exact, rel=0.01)


def test_a_set_of_a_rare_class_with_a_law_of_its_own_keeps_the_level() -> None:
    """All that ever comes near is in the rare class, a tenth of H and all of the set."""
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(1500):
        rare, common = rng.random(40) ** 2, 1 + rng.random(360)
        films = rng.random(300) ** 2
        flags = flagged(films, np.r_[rare, common], 0.001)
        p_values.append(p_value(int(flags.sum()), 300, 400, 0.001, 10.0))
    for level in (0.0033, 0.05):
        assert np.mean(np.array(p_values) <= level) < level + 3 * np.sqrt(level / 1500)


def test_the_excess_is_that_of_the_most_overstated_class() -> None:
    held_out = np.repeat([0, 1], [90, 10])

    def excess(*labels: int) -> float:
        return excess_share(class_weights(np.array(labels), 3), held_out)

    assert excess(*[0] * 90, *[1] * 10) == 1
    assert excess(*[0] * 50, *[1] * 50) == pytest.approx(5)
    assert excess(*[-1] * 9) == 1
    assert excess(2) == np.inf
    assert p_value(3, 9, 100, 0.001, np.inf) == 1


def test_a_rare_class_asked_for_as_mixtures_counts_by_its_weight() -> None:
    held_out = np.repeat([0, 1], [90, 10])
    mixtures = np.tile([0.01, 0.99], (50, 1))
    assert excess_share(mixtures, held_out) == pytest.approx(9.9)
    half = np.concatenate([class_weights(np.zeros(50, np.int64), 2), np.tile([0.5, 0.5], (50, 1))])
    assert excess_share(half, held_out) == pytest.approx(2.5)


def test_adding_mixtures_of_a_rare_class_never_lowers_what_the_set_must_answer_for() -> None:
    """Labelled images of the class alone, and with more of it as mixtures beside."""
    held_out = np.repeat([0, 1], [90, 10])
    labelled = class_weights(np.repeat([0, 1], [80, 20]), 2)
    beside = np.concatenate([labelled, np.tile([0.05, 0.95], (30, 1))])
    assert excess_share(beside, held_out) > excess_share(labelled, held_out) > 1
