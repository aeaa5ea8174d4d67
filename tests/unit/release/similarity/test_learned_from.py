from __future__ import annotations

import numpy as np
import pytest

from release.data import Folds, LabelledImages
from release.similarity.learned_from import EmbeddingUnfair, LearnedFrom


def images(n: int) -> LabelledImages:
    return LabelledImages(np.zeros((n, 8, 8), np.uint8), np.zeros(n, np.int64), np.arange(n))


@pytest.fixture
def folds() -> Folds:
    return Folds(("a",), images(6), np.zeros(6, np.bool_), images(3), images(2), "f" * 64)


def test_what_has_learned_from_none_or_from_both_folds_alike_is_fair(folds) -> None:
    LearnedFrom().check(folds)
    LearnedFrom(6, 3, 0, "f" * 64).check(folds)


@pytest.mark.parametrize(
    "learned_from",
    [
        pytest.param(LearnedFrom(6, 0, 0, "f" * 64), id="T alone"),
        pytest.param(LearnedFrom(0, 3, 0, "f" * 64), id="H alone"),
        pytest.param(LearnedFrom(6, 2, 0, "f" * 64), id="a part of H"),
        pytest.param(LearnedFrom(6, 3, 2, "f" * 64), id="U too"),
        pytest.param(LearnedFrom(6, 3, 0, "e" * 64), id="other folds"),
    ],
)
def test_all_else_is_refused_by_name(folds, learned_from: LearnedFrom) -> None:
    with pytest.raises(EmbeddingUnfair, match="the encoder has learned from"):
        learned_from.check(folds, "the encoder")
