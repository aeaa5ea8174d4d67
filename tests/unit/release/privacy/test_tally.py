from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from release.policy import Policy
from release.privacy.calibration import rank_of_threshold
from release.privacy.copies import Copies, Count, copies, p_value
from release.privacy.tally import copies_together, refused_before, tally_of

POLICY = Policy()
PATIENTS = 767
RANKS = tuple(sorted({rank_of_threshold(PATIENTS, share) for share in POLICY.copy_shares}))
LEVEL = POLICY.alpha / 3


def count(num_images: int, num_near: int, excess: float = 1.0) -> Count:
    """So many near at the first threshold, and no others at the next ones."""
    return Count(num_images, PATIENTS, RANKS, (num_near,) * len(RANKS), excess)


def tally(found: Count, num_certain: int = 0, *findings: Any, **by_class: Count) -> Any:
    classes = dict(enumerate(by_class.values()))
    return tally_of(Copies(found, classes, num_certain), list(by_class), findings)


def passes_alone(num_images: int, num_near: int) -> bool:
    found = Copies(count(num_images, num_near), {}, 0)
    return copies(found, POLICY).decision == "passed"


def together(*tallies: Any) -> str:
    return copies_together(tallies, POLICY).decision


def test_a_tally_names_its_classes_and_is_json() -> None:
    told = tally(count(900, 4, np.inf), 1, rare=count(40, 2))
    assert json.loads(json.dumps(told, allow_nan=False))["all"]["num_near"][0] == 4
    assert told["all"]["excess"] is None
    assert told["classes"]["rare"]["num_images"] == 40
    assert (told["num_certain"], told["refused"]) == (1, False)


def test_small_sets_of_copies_pass_alone_and_not_together() -> None:
    """1 % copies in sets of 256: three near in each, where more refuse one."""
    assert passes_alone(256, 3)
    assert together(*[tally(count(256, 3))] * 2) == "passed"
    found = copies_together([tally(count(256, 3))] * 20, POLICY)
    assert (found.decision, found.code) == ("refused", "cumulative")


def test_the_copies_of_a_rare_class_add_up_over_sets() -> None:
    """Nothing is near in the other classes, so that all images together tell little."""
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


def test_sets_of_datasets_of_other_sizes_are_held_against_the_fewest_and_the_highest_ranks() -> (
    None
):
    here, there = Count(500, 800, (1, 8), (2, 3)), Count(500, 4000, (4, 12, 40), (3, 5, 9))
    found = copies_together([tally(here), tally(there)], POLICY)
    as_one = (p_value(5, 1000, 800, 4), p_value(8, 1000, 800, 12))
    alone = Count(500, 800, (4, 12), (2, 3)).p_values  # never better than what is shared
    assert found.p_value is not None
    assert found.p_value <= min(1.0, 2 * 2 * min(as_one)) + 1e-12 or min(alone) > min(as_one)


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
        alone += copies(Copies(sets[-1], {}, 0), POLICY).decision == "refused"
    allowed = trials * LEVEL + 3 * np.sqrt(trials * LEVEL)
    assert max(alone, all_together) <= allowed


def test_a_refusal_stands_against_all_further_sets_unless_others_had_a_part_in_it() -> None:
    by_itself = copies(Copies(count(256, 20), {}, 0), POLICY)
    with_others = copies_together([tally(count(256, 20))], POLICY)
    refused, passed = tally(count(256, 20), 0, by_itself), tally(count(256, 0), 0, with_others)
    before = refused_before([passed, refused], 3)
    assert (before.decision, before.code) == ("refused", "refused_before")
    assert (passed["refused"], tally(count(256, 0), 0, before)["refused"]) == (False, False)
    assert refused_before([passed] * 30, 31).decision == "passed"


def test_the_order_of_the_sets_does_not_matter() -> None:
    sets = [count(256, 1), count(900, 5, 2.0), count(5000, 9), count(256, 4)]
    tallies = [tally(each, rare=count(20, k)) for k, each in enumerate(sets)]
    found = copies_together(tallies, POLICY)
    backwards = copies_together(tallies[::-1], POLICY)
    assert (backwards.decision, backwards.p_value) == (found.decision, found.p_value)
