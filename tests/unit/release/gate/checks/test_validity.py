from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from release.fidelity.validity import Validity
from release.gate.checks.validity import judge
from release.gate.policy import Policy
from release.stats.estimate import Estimate

HOLDOUT = np.linspace(1, 2, 101)
TYPICAL = {"pixels": (np.full(9, 1.5), HOLDOUT)}


def about(value: float) -> Estimate:
    return Estimate(value, 0.95 * value, 1.05 * value)


GOOD = Validity(about(0.3), about(0.03), about(9.6), about(0.8), about(0.92), about(1 / 3))


def test_an_honest_model_of_today_is_valid() -> None:
    assert judge(TYPICAL, GOOD, Policy()).decision == "passed"


@pytest.mark.parametrize("median", [0.5, 3.0])
def test_images_denser_or_sparser_than_real_ones_are_not(median: float) -> None:
    finding = judge({"pixels": (np.full(9, median), HOLDOUT)}, GOOD, Policy())
    assert (finding.decision, finding.code) == ("inconclusive", "validity")


@pytest.mark.parametrize(
    "doubt",
    [
        replace(GOOD, kid=about(2000)),
        replace(GOOD, kid=about(9.6)),
        replace(GOOD, kid=Estimate(0.3, 0.1, 5.0)),
        replace(GOOD, agreement=about(0.34)),
        replace(GOOD, kid_ceiling=GOOD.kid_floor),
    ],
    ids=["noise", "mean images", "an interval that reaches far", "labels by chance", "no scale"],
)
def test_what_cannot_be_called_valid_is_inconclusive(doubt: Validity) -> None:
    finding = judge(TYPICAL, doubt, Policy())
    assert (finding.decision, finding.code) == ("inconclusive", "validity")


@pytest.mark.parametrize(
    ("kid", "num_images", "hidden"),
    [
        (about(2000), 60, True),
        (Estimate(5.0, 0.1, 9.0), 60, False),  # it may be as near as the policy asks
        (about(2000), 9, False),  # of so few nothing is known
    ],
)
def test_images_that_are_known_not_to_look_real_are_hidden(
    kid: Estimate, num_images: int, hidden: bool
) -> None:
    typical = {"pixels": (np.full(num_images, 1.5), HOLDOUT)}
    finding = judge(typical, replace(GOOD, kid=kid), Policy())
    assert (finding.decision, finding.code) == ("inconclusive", "validity")
    assert finding.reason is not None
    assert finding.reason.hides_images == hidden


def test_a_set_without_labels_has_none_to_disagree_with() -> None:
    assert judge(TYPICAL, replace(GOOD, agreement=None), Policy()).decision == "passed"
