from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from release.metrics.pixels import PixelMetric
from release.metrics.registration import SIDE, registered_correlation


def drawn(n: int, seed: int, side: int = SIDE) -> np.ndarray:
    """Films of smooth random shapes."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, 1, 12, 12, generator=rng)
    films = F.interpolate(coarse, side, mode="bicubic").squeeze(1)
    return (128 + 40 * films).clamp(0, 255).byte().numpy()


def correlation(films: np.ndarray, others: np.ndarray) -> np.ndarray:
    ours, theirs = torch.from_numpy(films).float(), torch.from_numpy(others).float()
    return registered_correlation(ours, theirs[:, None])[:, 0].numpy()


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-6, 6), (1, 5)])
def test_a_shifted_film_correlates_fully(shift: tuple[int, int]) -> None:
    wide = drawn(6, seed=0, side=SIDE + 12)
    row, column = 6 + shift[0], 6 + shift[1]
    films = wide[:, 6 : 6 + SIDE, 6 : 6 + SIDE]
    shifted = wide[:, row : row + SIDE, column : column + SIDE]
    assert correlation(shifted, films).min() > 1 - 1e-4


def test_mirrored_brighter_and_stretched_films_correlate_fully() -> None:
    films = drawn(6, seed=1) // 2
    assert correlation(films[:, :, ::-1].copy(), films).min() > 1 - 1e-5
    assert correlation(films + 20, films).min() > 1 - 1e-5
    assert correlation(films * 2, films).min() > 1 - 1e-5


def test_different_films_correlate_less() -> None:
    assert correlation(drawn(6, seed=2), drawn(6, seed=3)).max() < 0.9


def test_distances_lie_between_0_and_2_and_flat_films_at_1() -> None:
    films = drawn(12, seed=4)
    films[3] = 17
    films[4, :32] = 255
    metric = PixelMetric()
    found = metric.nearest(metric.embed(films), metric.embed(films), 12)
    assert np.isfinite(found.distances).all()
    assert found.distances.min() >= 0
    assert found.distances.max() <= 2
    np.testing.assert_allclose(found.distances[3], 1)


def test_mirroring_a_query_changes_no_distance() -> None:
    metric, films, queries = PixelMetric(), drawn(20, seed=5), drawn(5, seed=6)
    as_is = metric.nearest(metric.embed(queries), metric.embed(films), 3)
    mirrored = metric.nearest(metric.embed(queries[:, :, ::-1].copy()), metric.embed(films), 3)
    assert np.array_equal(as_is.indices, mirrored.indices)
    np.testing.assert_allclose(as_is.distances, mirrored.distances, atol=1e-4)
