"""The pairs of a set's nearest images and the training images that they are like."""

import numpy as np
import pytest

from workers.generate import nearest_pairs
from workers.generate.nearest_pairs import laid_out, most_alike


@pytest.mark.parametrize("at_once", [3, 2_000])
def test_a_changed_copy_is_found_whatever_its_brightness(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(nearest_pairs, "_AT_ONCE", at_once)
    real = np.random.default_rng(0).integers(60, 200, (10, 16, 16)).astype(np.uint8)
    copies = (real[[7, 2, 9]] // 2 + 20).astype(np.uint8)
    assert most_alike(copies, real).tolist() == [7, 2, 9]


def test_an_image_of_one_grey_is_like_some_image() -> None:
    real = np.random.default_rng(0).integers(0, 256, (4, 8, 8)).astype(np.uint8)
    assert 0 <= most_alike(np.full((1, 8, 8), 9, np.uint8), real)[0] < 4


def test_each_image_stands_above_its_pair() -> None:
    above, below = (np.full((3, 8, 8), grey, np.uint8) for grey in (50, 200))
    sheet = laid_out(above, below)
    assert sheet.shape == (18, 28)
    assert (sheet[:8, :8] == 50).all()
    assert (sheet[10:, 20:] == 200).all()
