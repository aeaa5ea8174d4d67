from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from release.stats.fisher import members_by_rank
from release.stats.roc import auc, roc

MEMBER = np.arange(900) < 700


def drawn(shift: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift * MEMBER, 1)


def test_the_area_is_that_of_scikit_learn() -> None:
    scores = drawn(0.5)
    assert auc(members_by_rank(scores, MEMBER)) == pytest.approx(roc_auc_score(MEMBER, scores))


def test_the_curve_of_a_blind_attack_is_the_diagonal_within_its_band() -> None:
    curve = roc(members_by_rank(drawn(0), MEMBER))
    assert curve.auc.low < 0.5 < curve.auc.high
    inside = (curve.low - 0.02 <= curve.fpr) & (curve.fpr <= curve.high + 0.02)
    assert inside.mean() > 0.9
    assert (np.diff(curve.tpr) >= 0).all()


def test_an_attack_that_knows_everything_finds_all_members_without_alarm() -> None:
    curve = roc(members_by_rank(MEMBER.astype(float), MEMBER))
    assert curve.auc.value == curve.tpr_at_low_fpr.value == 1


def test_intervals_of_the_area_hold_the_truth_as_often_as_they_say() -> None:
    held = [
        (curve := roc(members_by_rank(drawn(0, seed), MEMBER))).auc.low <= 0.5 <= curve.auc.high
        for seed in range(20)
    ]
    assert np.mean(held) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 20)
