"""Images that wait for their verdict."""

from __future__ import annotations

import numpy as np
import pytest

from release.package.spool import StagedImages


def test_images_come_back_in_the_order_they_were_staged(tmp_path) -> None:
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 256, (n, 8, 8), np.uint8) for n in (3, 1, 4)]
    staged = StagedImages(tmp_path / "images.raw", 8)
    for batch in batches:
        staged.append(batch)
    assert len(staged) == 8
    assert np.array_equal(staged.pixels, np.concatenate(batches))


def test_what_an_earlier_attempt_left_is_forgotten(tmp_path) -> None:
    (tmp_path / "images.raw").write_bytes(b"left")
    staged = StagedImages(tmp_path / "images.raw", 8)
    assert len(staged) == len(staged.pixels) == 0


@pytest.mark.parametrize("images", [np.zeros((1, 4, 4), np.uint8), np.zeros((1, 8, 8), np.float32)])
def test_images_of_another_size_or_type_are_refused(tmp_path, images) -> None:
    with pytest.raises(ValueError, match="are staged, not"):
        StagedImages(tmp_path / "images.raw", 8).append(images)
