from __future__ import annotations

import pytest

from release.policy import Policy
from release.privacy.controls import Control, controls

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
