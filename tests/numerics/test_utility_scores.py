from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from release.utility.scores import SCORES, Answers, calibration_error


def answers(seed: int = 0, n: int = 200, *, ties: bool = False) -> Answers:
    rng = np.random.default_rng(seed)
    true = rng.random(n) < 0.3
    chances = 1 / (1 + np.exp(-(rng.normal(size=n) + 1.5 * true - 1)))
    if ties:
        chances = np.round(chances, 1)
    return Answers(chances, chances > 0.5, true)


def score(name: str, found: Answers) -> float:
    return float(SCORES[name](found, np.ones((1, len(found.true))))[0])


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
def test_scores_agree_with_scikit_learn(ties: bool) -> None:
    found = answers(ties=ties)
    recalls = precision_recall_fscore_support(found.true, found.called)[1]
    expected = {
        "auroc": roc_auc_score(found.true, found.chances),
        "auprc": average_precision_score(found.true, found.chances),
        "f1": f1_score(found.true, found.called),
        "specificity": recalls[0],
        "sensitivity": recalls[1],
    }
    assert {name: score(name, found) for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("name", SCORES)
def test_an_image_that_counts_twice_counts_like_two_images(name: str) -> None:
    found = answers(1, 60, ties=True)
    counts = np.random.default_rng(2).integers(0, 4, (1, 60))
    each = np.repeat(np.arange(60), counts[0])
    repeated = Answers(found.chances[each], found.called[each], found.true[each])
    counted = float(SCORES[name](found, counts.astype(float))[0])
    assert counted == pytest.approx(score(name, repeated))


def test_a_perfect_predictor_has_no_calibration_error() -> None:
    true = np.arange(50) % 3 == 0
    assert score("calibration_error", Answers(true.astype(float), true, true)) == 0


def test_chances_that_come_true_as_often_as_they_say_have_little_error() -> None:
    rng = np.random.default_rng(0)
    chances = rng.random(200_000)
    true = rng.random(200_000) < chances
    assert score("calibration_error", Answers(chances, chances > 0.5, true)) < 0.01


def test_confidence_that_never_comes_true_is_all_error() -> None:
    true = np.zeros(20, np.bool_)
    wrong = Answers(np.full(20, 0.9), ~true, true)
    assert score("calibration_error", wrong) == pytest.approx(0.9)
    assert calibration_error(wrong, np.zeros((1, 20)))[0] != 0


def test_what_is_not_defined_is_not_a_number() -> None:
    nothing_true = Answers(np.linspace(0, 1, 9), np.zeros(9, np.bool_), np.zeros(9, np.bool_))
    assert np.isnan([score(name, nothing_true) for name in ("auroc", "auprc", "sensitivity")]).all()
    assert score("specificity", nothing_true) == 1
