from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from release.fidelity import frechet as module
from release.fidelity.frechet import frechet_distance, frechet_estimate


def drawn(n: int, d: int, seed: int) -> np.ndarray:
    """Features of different spread and some correlation."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ (np.diag(rng.uniform(0.3, 2, d)) + 0.1) + rng.normal(size=d)


def by_matrix_root(x: np.ndarray, y: np.ndarray) -> float:
    """Heusel et al. 2017, equation 6, as it is written."""
    difference = x.mean(0) - y.mean(0)
    s_x, s_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.asarray(sqrtm(s_x @ s_y)).real
    return float(difference @ difference + np.trace(s_x + s_y - 2 * root))


def by_eigenvalues(x: np.ndarray, y: np.ndarray) -> float:
    """As torch-fidelity 0.4 computes it: the eigenvalues of the product, not symmetric."""
    difference = x.mean(0) - y.mean(0)
    s_x, s_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(s_x @ s_y).astype("complex128")).real
    return float(difference @ difference + np.trace(s_x) + np.trace(s_y) - 2 * roots.sum())


@pytest.mark.parametrize("small", [4, 1024], ids=["large matrices", "small matrices"])
def test_it_is_what_a_matrix_root_gives(small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", small)
    x, y = drawn(200, 32, 0), drawn(150, 32, 1)
    found = frechet_distance(x, y)
    assert found == pytest.approx(by_matrix_root(x, y), rel=1e-9)
    assert found == pytest.approx(by_eigenvalues(x, y), rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(20, 15), (20, 300), (300, 20)])
def test_fewer_images_than_features_change_nothing(n: int, m: int) -> None:
    """The eigenvalues of the full matrices hold rounding errors in place of zeros."""
    x, y = drawn(n, 48, 0), drawn(m, 48, 1)
    assert frechet_distance(x, y) == pytest.approx(by_eigenvalues(x, y), rel=1e-5)


@pytest.mark.parametrize("small", [4, 1024], ids=["large matrices", "small matrices"])
def test_a_feature_that_is_always_the_same_does_no_harm(
    small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SMALL", small)
    x, y = drawn(200, 8, 0), drawn(150, 8, 1)
    padded_x, padded_y = (np.pad(each, ((0, 0), (0, 4))) for each in (x, y))
    expected = frechet_distance(x, y)
    assert frechet_distance(padded_x, padded_y) == pytest.approx(expected, rel=1e-6)


def test_gaussians_of_one_feature_lie_as_far_apart_as_their_moments() -> None:
    """(mu - nu)² + (sigma - tau)²."""
    standard = np.array([-1.0, 0.0, 1.0])
    x, y = (2 + 3 * standard)[:, None], (-1 + 0.5 * standard)[:, None]
    assert frechet_distance(x, y) == pytest.approx(3**2 + 2.5**2)


def test_gaussians_that_share_their_axes_lie_apart_axis_by_axis() -> None:
    rng = np.random.default_rng(0)
    sample = rng.normal(size=(100, 3))
    white = np.linalg.qr(sample - sample.mean(0))[0] * np.sqrt(99)  # covariance exactly 1
    sigma, tau, shift = np.array([1, 2, 3.0]), np.array([2, 0.5, 3]), np.array([0, 1, -2.0])
    expected = np.square(shift).sum() + np.square(sigma - tau).sum()
    assert frechet_distance(white * sigma, white * tau + shift) == pytest.approx(expected)


def test_a_set_lies_at_no_distance_from_itself() -> None:
    x = drawn(60, 12, 0)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_the_interval_narrows_with_the_images_and_holds_the_value() -> None:
    few, many = (
        frechet_estimate(drawn(n, 6, 0), drawn(n, 6, 1), np.arange(n), np.arange(n) // 2)
        for n in (60, 2000)
    )
    for found in (few, many):
        assert found.low < found.value < found.high
    assert many.high - many.low < (few.high - few.low) / 2
