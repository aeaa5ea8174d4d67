"""Area downsampling against its mathematics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiographs.pixels import to_depth
from radiographs.resizing import area_mean, block_mean

lengths = st.integers(1, 90)


def random_film(rows, columns, dtype=np.uint8):
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
    film = random_film(12 * factor, 20 * factor, dtype)
    blocks = film.reshape(12, factor, 20, factor).mean(axis=(1, 3))
    np.testing.assert_allclose(area_mean(film, 12, 20), blocks, rtol=1e-5)


@given(rows=lengths, columns=lengths, data=st.data())
@settings(max_examples=60, deadline=None)
def test_each_new_pixel_is_the_mean_over_the_area_it_covers(rows, columns, data):
    new_rows = data.draw(st.integers(1, rows))
    new_columns = data.draw(st.integers(1, columns))
    film = random_film(rows, columns)
    area = (rows / new_rows) * (columns / new_columns)
    expected = coverage(rows, new_rows) @ film @ coverage(columns, new_columns).T / area
    np.testing.assert_allclose(area_mean(film, new_rows, new_columns), expected, atol=1e-2)


@given(rows=lengths, columns=lengths, data=st.data())
@settings(max_examples=60, deadline=None)
def test_shrinking_preserves_the_mean(rows, columns, data):
    film = random_film(rows, columns, np.uint16)
    new = data.draw(st.integers(1, rows)), data.draw(st.integers(1, columns))
    np.testing.assert_allclose(area_mean(film, *new).mean(), film.mean(), rtol=1e-5)


def test_growing_interpolates_a_ramp_linearly():
    ramp = np.tile(np.arange(0, 80, 8, dtype=np.uint8), (10, 1))
    grown = area_mean(ramp, 10, 40)
    inner = grown[:, 2:-2]  # beyond the outermost centres the ramp stands still
    np.testing.assert_allclose(np.diff(inner, axis=1), 2.0, rtol=1e-5)
    assert grown.min() == 0
    assert grown.max() == 72


def test_growing_never_leaves_the_range_of_the_film():
    film = random_film(20, 31)
    grown = area_mean(film, 64, 64)
    assert grown.min() >= film.min()
    assert grown.max() <= film.max()


def test_the_same_shape_changes_nothing():
    film = random_film(17, 23)
    np.testing.assert_array_equal(area_mean(film, 17, 23), film)


def test_a_stack_of_films_is_shrunk_as_each_film_is():
    films = np.stack([random_film(32, 32), random_film(32, 32)[::-1]])
    for film, shrunk in zip(films, block_mean(films, 4), strict=True):
        np.testing.assert_allclose(shrunk, area_mean(film, 8, 8), rtol=1e-6)


def test_black_and_white_stay_so_between_depths():
    ends = np.array([0, 255], np.float32)
    assert to_depth(ends, 8, 16).tolist() == [0, 65535]
    assert to_depth(ends * 257, 16, 8).tolist() == [0, 255]


@pytest.mark.parametrize("depth", [8, 16])
def test_every_value_survives_a_round_trip_through_more_bits(depth):
    values = np.arange(2**depth).astype(np.float32)
    there = to_depth(values, depth, 16).astype(np.float32)
    np.testing.assert_array_equal(to_depth(there, 16, depth), values)
