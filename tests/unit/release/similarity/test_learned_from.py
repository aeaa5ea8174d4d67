from __future__ import annotations

import numpy as np
import pytest

from release.data import LabelledImages, Splits
from release.similarity.metric import EmbeddingUnfair, LearnedFrom


def images(n: int) -> LabelledImages:
    return LabelledImages(np.zeros((n, 8, 8), np.uint8), np.zeros(n, np.int64), np.arange(n))


@pytest.fixture
def splits() -> Splits:
    return Splits(("a",), images(6), np.zeros(6, np.bool_), images(3), images(2), "f" * 64)


def test_what_has_learned_from_none_or_from_both_splits_alike_is_fair(splits) -> None:
    LearnedFrom().check(splits)
    LearnedFrom(6, 3, 0, "f" * 64).check(splits)


@pytest.mark.parametrize(
    "learned_from",
    [
        pytest.param(LearnedFrom(6, 0, 0, "f" * 64), id="T alone"),
        pytest.param(LearnedFrom(0, 3, 0, "f" * 64), id="H alone"),
        pytest.param(LearnedFrom(6, 2, 0, "f" * 64), id="a part of H"),
        pytest.param(LearnedFrom(6, 3, 2, "f" * 64), id="U too"),
        pytest.param(LearnedFrom(6, 3, 0, "e" * 64), id="other splits"),
    ],
)
def test_all_else_is_refused_by_name(splits, learned_from: LearnedFrom) -> None:
    with pytest.raises(EmbeddingUnfair, match="the encoder has learned from"):
        learned_from.check(splits, "the encoder")
