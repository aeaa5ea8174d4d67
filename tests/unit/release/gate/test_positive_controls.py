from __future__ import annotations

import pytest

from release.gate.policy import Policy
from release.gate.positive_controls import Control, controls, least_recall

FOUND = Control("noise", 100, 100, required=True)
BARELY = Control("flip", 100, 95, required=True)
MISSED = Control("crop", 100, 94, required=True)
TOLD = Control("SDEdit 0.4", 100, 10, required=False)


@pytest.mark.parametrize(
    ("results", "negative_passed", "decision"),
    [
        ([FOUND, BARELY, TOLD], True, "passed"),
        ([FOUND, MISSED], True, "inconclusive"),
        ([FOUND], False, "inconclusive"),
        ([TOLD], True, "inconclusive"),
        ([], True, "inconclusive"),
        ([Control("none planted", 0, 0, required=True)], True, "inconclusive"),
    ],
)
def test_the_gate_must_find_what_is_planted_and_nothing_else(
    results: list[Control], negative_passed: bool, decision: str
) -> None:
    finding = controls(results, negative_passed, Policy())
    assert finding.decision == decision
    assert finding.code == (None if decision == "passed" else "no_power")


def test_what_was_missed_is_named() -> None:
    assert "crop" in controls([FOUND, MISSED], negative_passed=True, policy=Policy()).text


def test_kinds_that_are_not_found_often_enough_are_not_claimed_and_lower_no_recall() -> None:
    results = [FOUND, BARELY, MISSED, TOLD, Control("none planted", 0, 0, required=False)]
    claimed = [each.name for each in results if each.claimed(Policy())]
    assert claimed == ["noise", "flip"]
    assert least_recall(results, Policy()) == BARELY.recall.low
    assert least_recall([FOUND, TOLD], Policy()) == FOUND.recall.low
    assert least_recall([MISSED, TOLD], Policy()) == least_recall([], Policy()) == 0


def test_a_kind_that_need_not_be_found_is_claimed_where_it_is() -> None:
    assert Control("inverted", 40, 38, required=False).claimed(Policy())
