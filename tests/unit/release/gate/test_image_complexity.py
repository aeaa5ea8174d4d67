from __future__ import annotations

import numpy as np
import pytest

from release.gate.image_complexity import calibrated, complexity
from release.stats.fisher import members_by_rank
from release.stats.roc import auc

RNG = np.random.default_rng(0)
BUSY = np.exp(RNG.normal(size=600))
PIXELS = 128 + 10 * BUSY[:, None, None] * RNG.normal(size=(600, 16, 16))
LABELS = np.arange(600) % 3
DESCRIBED = complexity(PIXELS.clip(0, 255).astype(np.uint8), LABELS)
MEMBER = RNG.permutation(np.arange(600) < 300)


def test_what_every_model_makes_of_an_image_is_taken_away() -> None:
    scores = -3 * np.log(BUSY) + LABELS
    rest = calibrated(scores, DESCRIBED)
    assert rest.std() < 0.2 * scores.std()


def test_what_training_adds_shows_more_clearly() -> None:
    scores = -3 * np.log(BUSY) + 0.3 * MEMBER
    plain = auc(members_by_rank(scores, MEMBER))
    assert auc(members_by_rank(calibrated(scores, DESCRIBED), MEMBER)) > plain + 0.1


def test_a_few_memorised_patients_still_score_above_all_others() -> None:
    scores = RNG.normal(size=600)
    scores[:6] += 20
    assert set(np.argsort(calibrated(scores, DESCRIBED))[-6:]) == set(range(6))


def test_a_blank_image_has_a_description_too() -> None:
    blank = complexity(np.zeros((4, 64, 64), np.uint8), np.zeros(4, np.int64))
    assert np.isfinite(blank).all()


def test_the_line_leaves_nothing_in_the_direction_of_a_description() -> None:
    rest = calibrated(RNG.normal(size=600), DESCRIBED)
    assert DESCRIBED.T @ rest == pytest.approx(0, abs=1e-5)
