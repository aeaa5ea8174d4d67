"""The text detector learns from drawn text alone, and NumPy computes what torch does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.burned_in_text.fit import windows_to_learn_from, write_weights
from benchmarks.burned_in_text.lettering import Lettering, write
from benchmarks.burned_in_text.training import Network, fit
from benchmarks.burned_in_text.windows_of_scenes import NONE, TEXT
from radiographs.burned_in_text.network import package_weights, scores
from radiographs.burned_in_text.windows import COLUMNS, ROWS


@pytest.fixture(scope="module")
def windows():
    return windows_to_learn_from(12)


def test_numpy_computes_what_torch_does(windows):
    torch.manual_seed(0)
    network = Network().eval()
    pixels = windows.pixels[:300].astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(scores(pixels, network.weights()), expected, rtol=1e-4, atol=1e-5)


def test_no_window_gives_no_score():
    assert scores(np.zeros((0, ROWS, COLUMNS), np.float32)).shape == (0,)


def test_the_same_windows_give_the_same_weights(windows):
    first, second = (fit(windows, 1).weights() for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_the_weights_of_the_package_distinguish_windows_with_text(windows):
    given = scores(windows.pixels.astype(np.float32), package_weights())
    assert np.mean(given[windows.truth == TEXT] > 0) > 0.8
    assert np.mean(given[windows.truth == NONE] < 0) > 0.8


def test_weights_are_read_as_they_were_written_to_half_precision(windows, tmp_path):
    weights = fit(windows, 1).weights()
    write_weights(weights, tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as stored:
        for name, each in weights.items():
            np.testing.assert_allclose(stored[name].astype(np.float32), each, atol=1e-2, rtol=1e-3)


def test_windows_of_both_kinds_are_learned_from(windows):
    assert set(np.unique(windows.truth)) == {NONE, TEXT}
    assert windows.pixels.shape[1:] == (ROWS, COLUMNS)


def test_a_glyph_of_the_grey_of_its_background_is_not_legible():
    image = np.full((40, 200), 100, np.uint8)
    _, hidden = write(image, "DOE", (20, 10), Lettering(None, 10, 105))
    _, shown = write(image, "DOE", (20, 10), Lettering(None, 10, 255))
    _, outside = write(image, "DOE", (180, 10), Lettering(None, 10, 255))
    assert not hidden.legible.any()
    assert shown.legible.all()
    assert not outside.legible.all()
