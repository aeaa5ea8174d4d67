from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from release.look import Look
from release.metrics.metric import Neighbours
from release.policy import Policy
from release.privacy.copies import copies, p_value
from release.privacy.sight import Sight
from release.privacy.tally import copies_together, refused_before, tally_of

POLICY = Policy()
PATIENTS = 767
LEVEL = POLICY.alpha / 3


def tally(num_drawn: int, num_flagged: int, **more: Any) -> dict[str, Any]:
    """Of a set that one metric looked at."""
    return {
        "num_drawn": num_drawn,
        "num_flagged": {"m": num_flagged},
        "num_patients": PATIENTS,
        "excess": 1.0,
        "refused": False,
        **more,
    }


def passes_alone(num_drawn: int, num_flagged: int) -> bool:
    return p_value(num_flagged, num_drawn, PATIENTS, POLICY.flag_share) >= LEVEL


def test_a_tally_counts_each_metric_and_is_json() -> None:
    flags = np.zeros((2, 5), np.bool_)
    flags[0, :2] = flags[1, 4] = True
    nothing = Sight(*(np.zeros(5) for _ in range(3)), np.zeros(5, np.int64))
    near = Neighbours(np.zeros((1, 1)), np.zeros((1, 1), np.int64))
    look = Look({"a": nothing, "b": nothing}, {"a": near, "b": near}, flags)
    own = copies(flags, PATIENTS, POLICY)
    assert own.code == "memorises"
    told = tally_of(look, PATIENTS, np.inf, [own])
    assert json.loads(json.dumps(told)) == told
    assert (told["num_drawn"], told["num_flagged"]) == (5, {"a": 2, "b": 1})
    assert (told["excess"], told["refused"]) == (None, True)
    for code in ("cumulative", "refused_before"):  # for which a smaller set is the remedy
        assert not tally_of(look, PATIENTS, 1.0, [replace(own, code=code)])["refused"]


def test_small_sets_of_copies_pass_alone_and_not_together() -> None:
    """1 % copies in sets of 256: three flagged in each, where five refuse one."""
    assert passes_alone(256, 3)
    assert copies_together([tally(256, 3)] * 2, POLICY).decision == "passed"
    found = copies_together([tally(256, 3)] * 20, POLICY)
    assert (found.decision, found.code) == ("refused", "cumulative")


def test_a_refused_set_counts_when_it_is_asked_for_again() -> None:
    """Nine copies refuse the first; of the second, drawn otherwise, none is flagged."""
    assert not passes_alone(256, 9)
    assert copies_together([tally(256, 9), tally(256, 0)], POLICY).decision == "refused"


@pytest.mark.parametrize("place", [0, 3])
def test_large_honest_sets_do_not_hide_small_ones_that_copy(place: int) -> None:
    leaking = [tally(256, 4) for _ in range(12)]
    honest = tally(50_000, 8)
    for hidden in ([honest], [honest, tally(50_000, 8, excess=175.0)]):
        tallies = [*leaking[:place], *hidden, *leaking[place:]]
        assert copies_together(tallies, POLICY).decision == "refused"


@pytest.mark.parametrize("excess", [None, 175.0])
def test_a_set_of_which_nothing_is_known_does_not_void_the_others(excess: float | None) -> None:
    tallies = [*[tally(256, 4)] * 12, tally(256, 0, excess=excess)]
    assert copies_together(tallies, POLICY).decision == "refused"


def test_honest_sets_are_refused_together_as_seldom_as_alpha_says() -> None:
    """The sets of one model share their held-out patients, so their threshold is the same."""
    rng, trials = np.random.default_rng(0), 1500
    alone = together = 0
    for rate in rng.beta(1, PATIENTS, trials):
        counts = rng.binomial(256, rate, 12)
        together += (
            copies_together([tally(256, int(k)) for k in counts], POLICY).decision == "refused"
        )
        alone += not passes_alone(256, int(counts[-1]))
    allowed = trials * LEVEL + 3 * np.sqrt(trials * LEVEL)
    assert max(alone, together) <= allowed


def test_a_refusal_is_not_outlived_by_harmless_sets() -> None:
    harmless, refused = tally(256, 0), tally(256, 0, refused=True)
    for number in (2, 50):
        earlier = [refused, *[harmless] * (number - 2)]
        assert refused_before(earlier, number).code == "refused_before"
    assert refused_before([harmless] * 49, 50).decision == "passed"


def test_the_order_of_the_sets_does_not_matter() -> None:
    tallies = [tally(256, 1), tally(900, 5, excess=2.0), tally(5000, 9), tally(256, 4)]
    found = copies_together(tallies, POLICY)
    assert copies_together(tallies[::-1], POLICY) == found
