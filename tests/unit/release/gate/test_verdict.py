from __future__ import annotations

from typing import Any

import pytest

from release.gate.verdict import REASONS, Finding, Verdict


def finding(decision: Any, code: str | None = None) -> Finding:
    return Finding("G1", "test", decision, None, None, None, "", code)


PASSED = finding("passed")


def test_a_set_in_which_nothing_was_found_passes() -> None:
    verdict = Verdict.of((PASSED, finding("reported")), 0)
    assert str(verdict) == "passed"
    assert verdict.may_leave


def test_dropped_images_are_told() -> None:
    verdict = Verdict.of((PASSED,), 3)
    assert str(verdict) == "passed_filtered(3)"
    assert verdict.may_leave
    assert "3 images were dropped" in verdict.text


def test_a_refusal_outweighs_doubt() -> None:
    verdict = Verdict.of((finding("inconclusive", "power"), finding("refused", "scan")), 2)
    assert str(verdict) == "refused(scan)"
    assert not verdict.may_leave


def test_doubt_outweighs_a_pass() -> None:
    verdict = Verdict.of((PASSED, finding("inconclusive", "power")), 0)
    assert str(verdict) == "inconclusive(power)"
    assert not verdict.may_leave


def test_all_reasons_are_given_and_each_remedy_once() -> None:
    verdict = Verdict.of((finding("refused", "memorises"), finding("refused", "scan")), 0)
    assert len(verdict.reasons) == 2
    assert len(set(verdict.remedies)) == len(verdict.remedies)
    for remedy in ("checkpoint", "augmentation", "smaller", "patients", "privacy"):
        assert any(remedy in each for each in verdict.remedies)


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_comes_with_a_remedy(code: str) -> None:
    reason, remedies = REASONS[code]
    assert reason
    assert remedies
