from __future__ import annotations

import numpy as np
import pytest

from radiographs.store.resizing import area_mean, reaches, to_square

WIDE = np.random.default_rng(0).integers(1, 256, (40, 80), dtype=np.uint8)


def test_pad_keeps_the_aspect_between_black_bars():
    square = to_square(WIDE, 20, "pad")
    np.testing.assert_array_equal(square[5:15], area_mean(WIDE, 10, 20))
    assert not square[:5].any()
    assert not square[15:].any()


def test_crop_keeps_the_aspect_and_the_middle():
    np.testing.assert_array_equal(to_square(WIDE, 20, "crop"), area_mean(WIDE[:, 20:60], 20, 20))


def test_stretch_takes_the_whole_image_out_of_its_aspect():
    np.testing.assert_array_equal(to_square(WIDE, 20, "stretch"), area_mean(WIDE, 20, 20))


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("shape", [(64, 64), (33, 200), (200, 33), (32, 3000), (65, 64)])
def test_any_image_becomes_a_square(fit, shape):
    image = np.full(shape, 9, np.uint16)
    square = to_square(image, 64, fit)
    assert square.shape == (64, 64)
    assert square.dtype == np.float32
    assert square.max() == pytest.approx(9)


@pytest.mark.parametrize(("fit", "reached"), [("pad", 80), ("crop", 40), ("stretch", 40)])
def test_an_image_reaches_the_sizes_that_need_no_made_up_pixels(fit, reached):
    assert reaches(40, 80, reached, fit)
    assert not reaches(40, 80, reached + 1, fit)
