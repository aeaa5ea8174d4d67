from __future__ import annotations

import numpy as np
import pytest

from release.gate.checks.attack_advantage import advantage, judge
from release.gate.policy import Policy
from release.gate.public_result import Power
from release.stats.estimate import Estimate
from release.stats.intervals import share

POLICY = Policy()


def test_an_attack_no_better_than_its_control_adds_nothing() -> None:
    assert advantage(share(30, 100), share(30, 100)).value == 0


def test_an_attack_that_always_succeeds_adds_all_there_is() -> None:
    assert advantage(share(100, 100), share(20, 100)).value == 1


def test_errors_of_both_shares_are_propagated() -> None:
    attack, control = Estimate(0.5, 0.4, 0.6), Estimate(0.2, 0.1, 0.3)
    found = advantage(attack, control)
    assert found.value == pytest.approx(0.375)
    assert found.high - found.value == pytest.approx(np.hypot(0.1 / 0.8, 0.1 * 0.5 / 0.8**2))


def scores(num_members: int, num_others: int, shift: float) -> tuple[dict, np.ndarray]:
    rng = np.random.default_rng(0)
    member = np.arange(num_members + num_others) < num_members
    return {"pixels/nearest": rng.normal(shift * member, 1)}, member


@pytest.mark.parametrize(
    ("num_others", "shift", "decision", "code"),
    [
        (640, 0.0, "passed", None),
        (640, 1.0, "refused", "material"),
        (12, 0.0, "inconclusive", "power"),
        (12, 3.0, "inconclusive", "power"),  # for G1 to G3 to refuse: so few bound nothing
    ],
)
def test_the_bound_decides_unless_the_holdout_is_too_small(
    num_others: int, shift: float, decision: str, code: str | None
) -> None:
    bound = POLICY.max_membership
    power = Power(num_others, num_others, membership=8 / num_others, max_membership=bound)
    found = judge(*scores(3000, num_others, shift), POLICY, power)
    assert (found.decision, found.code) == (decision, code)
