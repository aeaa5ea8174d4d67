from __future__ import annotations

from typing import Any

import pytest

from release.gate.checks import CHECKS, validity
from release.gate.decision import NOTHING_LEFT, decide
from release.gate.finding import Finding, Reason
from release.gate.verdict import Verdict

REASONS = {reason.code: reason for check in CHECKS for reason in check.reasons}
REASONS[NOTHING_LEFT.code] = NOTHING_LEFT


def finding(decision: Any, code: str | None = None) -> Finding:
    reason = REASONS[code] if code else None
    return Finding("G1", "test", decision, "", reason)


def verdict_of(*findings: Finding, num_filtered: int = 0, num_left: int = 9) -> Verdict:
    return decide(findings, num_filtered, num_left)


PASSED = finding("passed")


def test_a_set_in_which_nothing_was_found_passes() -> None:
    verdict = verdict_of(PASSED, finding("reported"))
    assert str(verdict) == "passed"
    assert verdict.released


def test_dropped_images_are_counted() -> None:
    verdict = verdict_of(PASSED, num_filtered=3)
    assert str(verdict) == "passed_filtered(3)"
    assert verdict.released


def test_a_refusal_outweighs_doubt() -> None:
    verdict = verdict_of(
        finding("inconclusive", "power"), finding("refused", "scan"), num_filtered=2
    )
    assert str(verdict) == "refused(scan)"
    assert not verdict.released


def test_doubt_outweighs_a_pass() -> None:
    verdict = verdict_of(PASSED, finding("inconclusive", "power"))
    assert str(verdict) == "inconclusive(power)"
    assert not verdict.released


def test_all_reasons_are_given_and_each_remedy_once() -> None:
    verdict = verdict_of(finding("refused", "memorises"), finding("refused", "scan"))
    assert len(verdict.reasons) == 2
    assert len(set(verdict.remedies)) == len(verdict.remedies)
    for remedy in ("checkpoint", "augmentation", "smaller", "patients", "privacy"):
        assert any(remedy in each for each in verdict.remedies)


def test_power_hides_no_reason_and_what_does_not_look_real_is_for_nobody() -> None:
    power = finding("inconclusive", "power")
    doubtful = verdict_of(power, Finding("G0", "test", "inconclusive", "", validity.REASON))
    assert str(doubtful) == "inconclusive(power)"
    assert doubtful.reasons == (REASONS["power"].text, validity.REASON.text)
    assert doubtful.for_research
    known = verdict_of(power, Finding("G0", "test", "inconclusive", "", validity.NOT_REAL))
    assert str(known) == "inconclusive(validity)"
    assert known.reasons == (validity.NOT_REAL.text, REASONS["power"].text)
    assert not known.for_research


@pytest.mark.parametrize(
    "findings",
    [[PASSED], [finding("inconclusive", "power")]],
    ids=["a pass", "a set for those who may see the real images"],
)
def test_a_set_of_which_nothing_is_left_is_inconclusive(findings: list[Finding]) -> None:
    verdict = verdict_of(*findings, num_filtered=9, num_left=0)
    assert str(verdict) == "inconclusive(nothing_left)"
    assert verdict.num_filtered == 9


@pytest.mark.parametrize("outcome", ["refused", "inconclusive"])
def test_a_set_that_nobody_could_read_keeps_its_reason_though_nothing_is_left(outcome: Any) -> None:
    assert str(verdict_of(finding(outcome, "scan"), num_left=0)) == f"{outcome}(scan)"


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS.keys())
def test_every_reason_comes_with_a_remedy(reason: Reason) -> None:
    assert reason.text
    assert reason.remedies
