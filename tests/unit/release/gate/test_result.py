"""The public part of an examination."""

import numpy as np
import pytest

from release.gate.policy import Policy
from release.gate.positive_controls import ControlResult
from release.gate.public_result import Power, PublishedGate, rounded_up
from release.gate.result import GateResult
from release.gate.verdict import Verdict


def examined(*controls: ControlResult) -> GateResult:
    return GateResult(
        verdict=Verdict("passed"),
        kept=np.ones(3, np.bool_),
        findings=(),
        power=Power(655, 640, 4479, 900, 0.96, 0.0124, {"a": 0.05, "b": 1.0}, 0.02, 0.015, 0.05),
        controls=controls,
        histograms=None,
        policy=Policy(min_control_recall=0.95),
        metrics=(),
        tally={},
    )


@pytest.mark.parametrize(("found", "claimed"), [(95, True), (94, False)])
@pytest.mark.parametrize("required", [True, False])
def test_a_kind_is_claimed_where_as_many_were_found_as_policy_asks_required_or_not(
    found, claimed, required
):
    public = examined(ControlResult("shift", 100, found, required)).public()
    assert [each["claimed"] for each in public["gate"]["controls"]] == [claimed]


def test_the_report_reads_the_public_part_of_an_examination():
    public = examined(ControlResult("shift", 100, 99, True)).public()
    summary = PublishedGate.model_validate(public["gate"])
    assert summary.power.claims_copies
    assert summary.power.claims_membership
    assert summary.power.by_class == {"a": 0.05, "b": 1.0}
    assert summary.controls[0].claimed


def test_a_rate_is_rounded_up_once():
    """A report that is read and written again says the same."""
    rounded = [k / 1e4 for k in range(10_001)]
    assert [rounded_up(rate) for rate in rounded] == rounded
    assert rounded_up(0.00511) == 0.0052
