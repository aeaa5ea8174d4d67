from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from release.gate.checks.membership import judge
from release.gate.policy import Policy

MEMBER = np.arange(900) < 700


def drawn(shift: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift * MEMBER, 1)


def test_a_set_that_reveals_its_members_is_refused() -> None:
    finding = judge({"pixels/nearest": drawn(1.0)}, MEMBER, Policy())
    assert (finding.decision, finding.code) == ("refused", "membership")
    assert finding.roc is not None
    assert finding.roc.auc.low > 0.5


def test_blind_scores_pass_and_share_the_level() -> None:
    blind = {"pixels/nearest": drawn(0, 1), "pixels/ratio": drawn(0, 2)}
    once = judge(blind, MEMBER, Policy())
    twice = judge(blind, MEMBER, Policy(), num_sets=2)
    assert once.decision == "passed"
    assert once.p_value is not None
    assert twice.p_value == min(1.0, 2 * once.p_value)


def test_the_strongest_attack_is_the_one_reported() -> None:
    scores = {"pixels/nearest": drawn(0), "copy/nearest": drawn(1)}
    finding = judge(scores, MEMBER, Policy())
    assert finding.private["strongest"] == "copy/nearest"
    assert finding.roc is not None
    assert finding.roc.auc.value == pytest.approx(roc_auc_score(MEMBER, drawn(1)))
