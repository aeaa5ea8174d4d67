"""Area downsampling against its mathematics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiographs.store.pixels import to_depth
from radiographs.store.resizing import area_mean, block_mean

lengths = st.integers(1, 90)


def random_image(rows, columns, dtype=np.uint8):
    rng = np.random.default_rng([rows, columns])
    return rng.integers(0, np.iinfo(dtype).max + 1, (rows, columns), dtype=dtype)


def coverage(length, new_length):
    """The overlap of new pixel k with old pixel i, straight from the definition."""
    width = length / new_length
    return np.array(
        [
            [max(0.0, min((k + 1) * width, i + 1) - max(k * width, i)) for i in range(length)]
            for k in range(new_length)
        ]
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("factor", [2, 3, 7])
def test_an_integer_factor_gives_block_means(factor, dtype):
    image = random_image(12 * factor, 20 * factor, dtype)
    blocks = image.reshape(12, factor, 20, factor).mean(axis=(1, 3))
    np.testing.assert_allclose(area_mean(image, 12, 20), blocks, rtol=1e-5)


@given(rows=lengths, columns=lengths, data=st.data())
@settings(max_examples=60, deadline=None)
def test_each_new_pixel_is_the_mean_over_the_area_it_covers(rows, columns, data):
    new_rows = data.draw(st.integers(1, rows))
    new_columns = data.draw(st.integers(1, columns))
    image = random_image(rows, columns)
    area = (rows / new_rows) * (columns / new_columns)
    expected = coverage(rows, new_rows) @ image @ coverage(columns, new_columns).T / area
    np.testing.assert_allclose(area_mean(image, new_rows, new_columns), expected, atol=1e-2)


@given(rows=lengths, columns=lengths, data=st.data())
@settings(max_examples=60, deadline=None)
def test_shrinking_preserves_the_mean(rows, columns, data):
    image = random_image(rows, columns, np.uint16)
    new = data.draw(st.integers(1, rows)), data.draw(st.integers(1, columns))
    np.testing.assert_allclose(area_mean(image, *new).mean(), image.mean(), rtol=1e-5)


def test_growing_interpolates_a_ramp_linearly():
    ramp = np.tile(np.arange(0, 80, 8, dtype=np.uint8), (10, 1))
    grown = area_mean(ramp, 10, 40)
    inner = grown[:, 2:-2]  # beyond the outermost centres the ramp stands still
    np.testing.assert_allclose(np.diff(inner, axis=1), 2.0, rtol=1e-5)
    assert grown.min() == 0
    assert grown.max() == 72


def test_growing_never_leaves_the_range_of_the_image():
    image = random_image(20, 31)
    grown = area_mean(image, 64, 64)
    assert grown.min() >= image.min()
    assert grown.max() <= image.max()


def test_the_same_shape_changes_nothing():
    image = random_image(17, 23)
    np.testing.assert_array_equal(area_mean(image, 17, 23), image)


def test_a_stack_of_images_is_shrunk_as_each_image_is():
    images = np.stack([random_image(32, 32), random_image(32, 32)[::-1]])
    for image, shrunk in zip(images, block_mean(images, 4), strict=True):
        np.testing.assert_allclose(shrunk, area_mean(image, 8, 8), rtol=1e-6)


def test_black_and_white_stay_so_between_depths():
    ends = np.array([0, 255], np.float32)
    assert to_depth(ends, 8, 16).tolist() == [0, 65535]
    assert to_depth(ends * 257, 16, 8).tolist() == [0, 255]


@pytest.mark.parametrize("depth", [8, 16])
def test_every_value_survives_a_round_trip_through_more_bits(depth):
    values = np.arange(2**depth).astype(np.float32)
    there = to_depth(values, depth, 16).astype(np.float32)
    np.testing.assert_array_equal(to_depth(there, 16, depth), values)
