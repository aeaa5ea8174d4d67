from __future__ import annotations

import pytest

from release.gate.checks.controls import judge
from release.gate.policy import Policy
from release.gate.positive_controls import ControlResult, least_recall

FOUND = ControlResult("noise", 100, 100, required=True)
BARELY = ControlResult("flip", 100, 95, required=True)
MISSED = ControlResult("crop", 100, 94, required=True)
REPORTED = ControlResult("SDEdit 0.4", 100, 10, required=False)


@pytest.mark.parametrize(
    ("results", "holdout_passed", "decision"),
    [
        ([FOUND, BARELY, REPORTED], True, "passed"),
        ([FOUND, MISSED], True, "inconclusive"),
        ([FOUND], False, "inconclusive"),
        ([REPORTED], True, "inconclusive"),
        ([], True, "inconclusive"),
        ([ControlResult("none planted", 0, 0, required=True)], True, "inconclusive"),
    ],
)
def test_the_gate_must_find_what_is_planted_and_nothing_else(
    results: list[ControlResult], holdout_passed: bool, decision: str
) -> None:
    finding = judge(results, holdout_passed, Policy())
    assert finding.decision == decision
    assert finding.code == (None if decision == "passed" else "no_power")


def test_what_was_missed_is_named() -> None:
    assert "crop" in judge([FOUND, MISSED], holdout_passed=True, policy=Policy()).text


def test_kinds_that_are_not_found_often_enough_are_not_claimed_and_lower_no_recall() -> None:
    results = [FOUND, BARELY, MISSED, REPORTED, ControlResult("none planted", 0, 0, required=False)]
    claimed = [each.name for each in results if each.claimed(Policy())]
    assert claimed == ["noise", "flip"]
    assert least_recall(results, Policy()) == BARELY.recall.low
    assert least_recall([FOUND, REPORTED], Policy()) == FOUND.recall.low
    assert least_recall([MISSED, REPORTED], Policy()) == least_recall([], Policy()) == 0


def test_a_kind_that_need_not_be_found_is_claimed_where_it_is() -> None:
    assert ControlResult("inverted", 40, 38, required=False).claimed(Policy())
