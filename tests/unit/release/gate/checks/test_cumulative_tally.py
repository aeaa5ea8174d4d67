from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from release.gate.calibration import rank_of_threshold
from release.gate.checks import copy_count, cumulative_tally, earlier_refusal
from release.gate.checks.cumulative_tally import tally_of
from release.gate.copy_counts import CopyCounts, Count
from release.gate.policy import Policy

POLICY = Policy()
PATIENTS = 767
LEVEL = POLICY.alpha / 3


def ranks_of(num_patients: int, shares: Sequence[float] = POLICY.copy_shares) -> tuple[int, ...]:
    return tuple(sorted({rank_of_threshold(num_patients, share) for share in shares}))


RANKS = ranks_of(PATIENTS)


def count(num_images: int, num_near: int, excess: float = 1.0) -> Count:
    """So many near at the first threshold, and no others at the next ones."""
    return Count(num_images, PATIENTS, RANKS, (num_near,) * len(RANKS), excess)


def tally(found: Count, num_certain: int = 0, *findings: Any, **by_class: Count) -> Any:
    classes = dict(enumerate(by_class.values()))
    return tally_of(CopyCounts(found, classes, num_certain), list(by_class), findings)


def passes_alone(num_images: int, num_near: int) -> bool:
    found = CopyCounts(count(num_images, num_near), {}, 0)
    return copy_count.judge(found, POLICY).decision == "passed"


def together(*tallies: Any) -> str:
    return cumulative_tally.judge(tallies, POLICY).decision


def test_a_tally_names_its_classes_and_is_json() -> None:
    counted = tally(count(900, 4, np.inf), 1, rare=count(40, 2))
    assert json.loads(json.dumps(counted, allow_nan=False))["all"]["num_near"][0] == 4
    assert counted["all"]["excess"] is None
    assert counted["classes"]["rare"]["num_images"] == 40
    assert (counted["num_certain"], counted["refused"]) == (1, False)


def test_small_sets_of_copies_pass_alone_and_not_together() -> None:
    """1 % copies in sets of 256: three near in each, where more refuse one."""
    assert passes_alone(256, 3)
    assert together(*[tally(count(256, 3))] * 2) == "passed"
    found = cumulative_tally.judge([tally(count(256, 3))] * 20, POLICY)
    assert (found.decision, found.code) == ("refused", "cumulative")


def test_the_copies_of_a_rare_class_add_up_over_sets() -> None:
    """Nothing is near in the other classes, so that all images together show little."""
    one = tally(count(5000, 2), rare=count(100, 2))
    assert together(one) == "passed"
    assert together(*[one] * 12) == "refused"
    assert together(*[tally(count(5000, 2))] * 12) == "passed"


def test_two_copies_beyond_doubt_refuse_over_two_sets() -> None:
    """Whatever their sizes are."""
    for num_images in (10, 100_000):
        one, none = tally(count(num_images, 1), 1), tally(count(num_images, 1), 0)
        assert together(one, none) == "passed"
        assert together(one, none, one) == "refused"


def test_a_refused_set_counts_when_it_is_asked_for_again() -> None:
    """Nine copies refuse the first; of the second, drawn otherwise, none is near."""
    assert not passes_alone(256, 9)
    assert together(tally(count(256, 9)), tally(count(256, 0))) == "refused"


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("excess", [1.0, 175.0, np.inf])
def test_large_honest_sets_do_not_hide_small_ones_that_copy(place: int, excess: float) -> None:
    leaking = [tally(count(256, 4)) for _ in range(12)]
    hidden = [tally(count(50_000, 8)), tally(count(50_000, 8, excess))]
    assert together(*leaking[:place], *hidden, *leaking[place:]) == "refused"


@pytest.mark.parametrize("excess", [np.inf, 175.0])
def test_a_set_of_which_nothing_is_known_does_not_void_the_others(excess: float) -> None:
    assert together(*[tally(count(256, 4))] * 12, tally(count(256, 0, excess))) == "refused"


def test_sets_of_none_of_which_anything_is_known_are_no_evidence() -> None:
    found = cumulative_tally.judge([tally(count(256, 0, np.inf))] * 2, POLICY)
    assert (found.decision, found.p_value) == ("passed", 1.0)


def test_sets_of_datasets_of_other_sizes_are_tested_apart() -> None:
    here, there = Count(500, 800, (1, 8), (2, 3)), Count(500, 4000, (4, 12, 40), (3, 5, 9))
    found = cumulative_tally.judge([tally(here), tally(there)], POLICY)
    apart = min(*here.p_values, *there.p_values)
    num_tests = len(here.p_values) + len(there.p_values)
    assert found.p_value == min(1.0, 2 * num_tests * apart)


def held_against(num_patients: int, *num_near: int, num_images: int = 256) -> Count:
    return Count(num_images, num_patients, ranks_of(num_patients), num_near)


def p_together(*found: Count) -> float:
    p = cumulative_tally.judge(list(map(tally, found)), POLICY).p_value
    assert p is not None
    return p


def test_one_patient_fewer_in_each_dataset_does_not_part_the_sets() -> None:
    fewer = [held_against(5400 - missing, 2, 4, 7) for missing in range(32)]
    assert p_together(fewer[0]) > LEVEL
    assert p_together(*fewer[:2]) < LEVEL
    assert p_together(*fewer[:8]) == pytest.approx(p_together(*fewer[:1] * 8), rel=0.1)
    assert p_together(*fewer) < 1e-9


@pytest.mark.parametrize("middle", [1024, 2000, 4096])
def test_nor_does_it_where_ranks_or_the_magnitude_change(middle: int) -> None:
    near = [held_against(middle + 16 - missing, 2, 4, 9) for missing in range(32)]
    assert p_together(*near) < 1e-5


@pytest.mark.parametrize("num_patients", [60, 500, 767, 5400])
def test_counts_held_against_the_same_patients_are_counted_as_one(num_patients: int) -> None:
    ranks = ranks_of(num_patients)
    near = tuple(range(2, 2 + len(ranks)))
    one = held_against(num_patients, *near)
    as_one = Count(5 * 256, num_patients, ranks, tuple(5 * each for each in near)).p_values
    assert p_together(*[one] * 5) == min(1.0, 2 * len(ranks) * min(as_one))


def test_counts_of_other_datasets_are_held_against_the_fewest_and_the_largest_share() -> None:
    sets = [held_against(1100, 3, 6, 14), held_against(1999, 2, 5, 12)]  # ranks 1 3 11, 2 6 20
    as_one = Count(512, 1100, (2, 4, 12), (5, 11, 26))
    assert p_together(*sets) == min(1.0, 2 * 3 * min(as_one.p_values))
    assert p_together(*sets) == p_together(*sets[::-1])


@pytest.mark.parametrize("shares", [POLICY.copy_shares, (0.4, 0.6, 0.9)])
def test_ranks_among_the_fewest_stay_ranks(shares: tuple[float, ...]) -> None:
    for num_patients in (1, 2, 3, 5, 40, 600):
        several = range(num_patients, 2 * num_patients)
        found = [Count(9, m, ranks_of(m, shares), (9,) * len(ranks_of(m, shares))) for m in several]
        assert 0 <= p_together(*found) <= 1


@pytest.mark.parametrize("near", [(8, 9, 10), (12, 20, 40)])
def test_a_small_dataset_costs_a_large_one_no_more_than_its_share_of_the_tests(
    near: tuple[int, ...],
) -> None:
    large, small = held_against(5000, *near), held_against(60, 0, num_images=8)
    alone = p_together(large)
    assert p_together(large, small) == pytest.approx(alone * 4 / 3)  # one test beside three
    assert p_together(*[large] * 12, small) < LEVEL


@pytest.mark.parametrize("num_missing", [3, 300])
def test_honest_sets_of_datasets_that_overlap_are_refused_no_more_often_than_the_level_says(
    num_missing: int,
) -> None:
    """Each dataset leaves out other patients, and some leave out more."""
    rng, trials, num_sets, num_pool = np.random.default_rng(0), 400, 8, 1000
    p_values = []
    for _ in range(trials):
        pool, sets = rng.random(num_pool), []
        for each in range(num_sets):
            num_patients = num_pool - num_missing - each
            ranks = ranks_of(num_patients)
            own = np.sort(rng.choice(pool, num_patients, replace=False))
            images = rng.random(256)
            near = [int((images <= own[rank - 1]).sum()) for rank in ranks]
            sets.append(held_against(num_patients, *near))
        p_values.append(p_together(*sets))
    for level in (LEVEL, 0.05, 0.2):
        allowed = level + 3 * np.sqrt(level * (1 - level) / trials)
        assert np.mean(np.array(p_values) < level) <= allowed


def test_honest_sets_are_refused_together_as_seldom_as_alpha_says() -> None:
    """The sets of one model are held against the same patients: their thresholds are the same."""
    rng, trials, num_sets = np.random.default_rng(0), 800, 12
    alone = all_together = 0
    for _ in range(trials):
        thresholds = np.sort(rng.random(PATIENTS))[np.array(RANKS) - 1]
        sets = [
            Count(
                256,
                PATIENTS,
                RANKS,
                tuple((images <= t).sum().item() for t in thresholds),
            )
            for images in rng.random((num_sets, 256))
        ]
        all_together += together(*map(tally, sets)) == "refused"
        alone += copy_count.judge(CopyCounts(sets[-1], {}, 0), POLICY).decision == "refused"
    allowed = trials * LEVEL + 3 * np.sqrt(trials * LEVEL)
    assert max(alone, all_together) <= allowed


def test_a_refusal_stands_against_all_further_sets_unless_others_had_a_part_in_it() -> None:
    by_itself = copy_count.judge(CopyCounts(count(256, 20), {}, 0), POLICY)
    with_others = cumulative_tally.judge([tally(count(256, 20))], POLICY)
    refused, passed = tally(count(256, 20), 0, by_itself), tally(count(256, 0), 0, with_others)
    before = earlier_refusal.judge([passed, refused], 3)
    assert (before.decision, before.code) == ("refused", "refused_before")
    assert (passed["refused"], tally(count(256, 0), 0, before)["refused"]) == (False, False)
    assert earlier_refusal.judge([passed] * 30, 31).decision == "passed"


def test_the_order_of_the_sets_does_not_matter() -> None:
    sets = [count(256, 1), count(900, 5, 2.0), count(5000, 9), count(256, 4)]
    tallies = [tally(each, rare=count(20, k)) for k, each in enumerate(sets)]
    found = cumulative_tally.judge(tallies, POLICY)
    backwards = cumulative_tally.judge(tallies[::-1], POLICY)
    assert (backwards.decision, backwards.p_value) == (found.decision, found.p_value)
