"""Contact sheets: where each image lies, and how large it is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from release.report.contact_sheets import GAP, contact_sheet


def opened(sheet: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(sheet))
    assert image.mode == "L"
    return np.asarray(image)


def test_images_lie_row_by_row_with_a_black_gap_between_them() -> None:
    images = np.random.default_rng(0).integers(1, 256, (5, 16, 16), np.uint8)
    sheet = opened(contact_sheet(images, num_columns=3))
    assert sheet.shape == (2 * 16 + GAP, 3 * 16 + 2 * GAP)
    step = 16 + GAP
    for k, image in enumerate(images):
        top, left = k // 3 * step, k % 3 * step
        np.testing.assert_array_equal(sheet[top : top + 16, left : left + 16], image)
    assert not sheet[16:step].any()
    assert not sheet[step:, 2 * step :].any()


@pytest.mark.parametrize(("max_side", "side"), [(8, 8), (32, 16), (None, 16)])
def test_large_images_are_scaled_down_by_the_mean_of_their_pixels(
    max_side: int | None, side: int
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16), np.uint8)
    sheet = opened(contact_sheet(image, 1, max_side))
    assert sheet.shape == (side, side)
    if side == 8:
        means = image.reshape(8, 2, 8, 2).mean((1, 3))
        np.testing.assert_allclose(sheet, means, atol=0.51)
