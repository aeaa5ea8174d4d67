from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from release.similarity.registered_pixels import PixelMetric
from release.similarity.registration import (
    SIDE,
    TURNS_AND_ZOOMS,
    Middles,
    registered_correlation,
)


def drawn(n: int, seed: int, side: int = SIDE) -> np.ndarray:
    """Images of smooth random shapes."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, 1, 12, 12, generator=rng)
    images = F.interpolate(coarse, side, mode="bicubic").squeeze(1)
    return (128 + 40 * images).clamp(0, 255).byte().numpy()


def correlation(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    each = torch.arange(len(images))
    ours, theirs = torch.from_numpy(images).float(), torch.from_numpy(others).float()
    return registered_correlation(ours, Middles.of(theirs), each, each).numpy()


def exhaustive(image: np.ndarray, other: np.ndarray) -> float:
    """Correlate the middle of the other, either way round, with each place of each pose."""
    middle = blurred(torch.from_numpy(other).float()[6:58, 6:58])[::2, ::2]
    best = -1.0
    for degrees, scale in TURNS_AND_ZOOMS:
        c, s = np.cos(np.radians(degrees)) / scale, np.sin(np.radians(degrees)) / scale
        pose = torch.tensor([[[c, -s, 0], [s, c, 0]]]).float()
        grid = F.affine_grid(pose, [1, 1, SIDE, SIDE], align_corners=False)
        shown = torch.from_numpy(image).float()[None, None]
        posed = blurred(
            F.grid_sample(shown, grid, padding_mode="border", align_corners=False)[0, 0]
        )
        for row, column in product(range(13), range(13)):
            window = posed[row : row + 51 : 2, column : column + 51 : 2].flatten()
            for crop in (middle, middle.flip(1)):
                found = torch.corrcoef(torch.stack([window, crop.flatten()]))[0, 1]
                best = max(best, float(found))
    return best


def blurred(image: torch.Tensor) -> torch.Tensor:
    """Mean of each 2 x 2 pixels side by side."""
    return F.avg_pool2d(image[None, None], 2, 1)[0, 0]


def test_a_copy_is_found_where_a_plain_search_of_every_place_finds_it() -> None:
    images = drawn(3, seed=7)
    wide = drawn(3, seed=7, side=SIDE + 12)
    moved = wide[:, 4 : 4 + SIDE, 9 : 9 + SIDE][:, :, ::-1].copy()
    for ours, theirs in ((images, images), (moved, wide[:, 6 : 6 + SIDE, 6 : 6 + SIDE])):
        slow = [exhaustive(*pair) for pair in zip(ours, theirs, strict=True)]
        np.testing.assert_allclose(correlation(ours, theirs), slow, atol=1e-4)


def test_images_that_differ_are_hardly_farther_than_by_a_plain_search_of_every_place() -> None:
    """Places between those that are tried are left out: the fast search may only miss a little."""
    ours, theirs = drawn(8, seed=8), drawn(8, seed=9)
    slow = np.array([exhaustive(*pair) for pair in zip(ours, theirs, strict=True)])
    missed = slow - correlation(ours, theirs)
    assert missed.min() > -1e-4
    assert np.median(missed) < 0.01


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-6, 6), (1, 5)])
def test_a_shifted_image_correlates_fully(shift: tuple[int, int]) -> None:
    wide = drawn(6, seed=0, side=SIDE + 12)
    row, column = 6 + shift[0], 6 + shift[1]
    images = wide[:, 6 : 6 + SIDE, 6 : 6 + SIDE]
    shifted = wide[:, row : row + SIDE, column : column + SIDE]
    assert correlation(shifted, images).min() > 1 - 1e-4


def test_mirrored_brighter_and_stretched_images_correlate_fully() -> None:
    images = drawn(6, seed=1) // 2
    assert correlation(images[:, :, ::-1].copy(), images).min() > 1 - 1e-5
    assert correlation(images + 20, images).min() > 1 - 1e-5
    assert correlation(images * 2, images).min() > 1 - 1e-5


def test_different_images_correlate_less() -> None:
    assert correlation(drawn(6, seed=2), drawn(6, seed=3)).max() < 0.9


def test_distances_lie_between_0_and_2_and_flat_images_at_1() -> None:
    images = drawn(12, seed=4)
    images[3] = 17
    images[4, :32] = 255
    metric = PixelMetric()
    found = metric.nearest(metric.embed(images), metric.embed(images), 12)
    assert np.isfinite(found.distances).all()
    assert found.distances.min() >= 0
    assert found.distances.max() <= 2
    np.testing.assert_allclose(found.distances[3], 1)


def test_mirroring_a_query_changes_no_distance() -> None:
    metric, images, queries = PixelMetric(), drawn(20, seed=5), drawn(5, seed=6)
    as_is = metric.nearest(metric.embed(queries), metric.embed(images), 3)
    mirrored = metric.nearest(metric.embed(queries[:, :, ::-1].copy()), metric.embed(images), 3)
    assert np.array_equal(as_is.indices, mirrored.indices)
    np.testing.assert_allclose(as_is.distances, mirrored.distances, atol=1e-4)
