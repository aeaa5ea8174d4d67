"""How similar images are in 8 x 8 cells of their middle: quick, to list candidates by."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from torch import Tensor

from release.similarity.knn import Vectors
from release.similarity.preprocessing import standardised
from release.similarity.registration import SIDE, Poses

CELL = 6  # pixels of 64 on a cell's side
NUM_CELLS = 8  # along each side of the middle
SHIFTS = tuple(  # pixels of 64: every second place of a grid of 5 x 5
    (down, right) for down, right in product((-4, -2, 0, 2, 4), repeat=2) if (down + right) % 4 == 0
)
_POSES = Poses(((0.0, 1.0), (0.0, 0.9)))
_MARGIN = (SIDE - CELL * NUM_CELLS) // 2
_QUERIES_AT_ONCE = 8  # by all their views and as many images as stay in the processor's cache
_IMAGES_AT_ONCE = 512


def middle_cells(images: Tensor) -> Tensor:
    """Mean of each cell of the middle of images (n, 64, 64), standardised: (n, 64)."""
    return standardised(_cell_means(images)[:, _places(0, 0)])


def cell_similarity(images: Tensor, cells: Tensor) -> Vectors:
    """Correlate images with cells where they fit best over mirroring, two zooms and shifts.

    Args:
        images: (q, 64, 64).
        cells: (n, 64), the others' middles.

    Returns:
        (q, n).
    """
    found = torch.empty(len(images), len(cells))
    for start in range(0, len(images), _QUERIES_AT_ONCE):
        some = slice(start, start + _QUERIES_AT_ONCE)
        views = _views(images[some])
        for first in range(0, len(cells), _IMAGES_AT_ONCE):
            others = slice(first, first + _IMAGES_AT_ONCE)
            fit = views.flatten(0, 1) @ cells[others].T
            found[some, others] = fit.view(*views.shape[:2], -1).amax(1)
    vectors: Vectors = found.numpy()
    return vectors


def _views(images: Tensor) -> Tensor:
    """Cut the middle out of images in every pose and shift, both ways: (q, views, 64)."""
    shown = _cell_means(_POSES.of(images))  # (p, q, places)
    views = shown[..., _SHIFTED].transpose(0, 1).flatten(1, 2)  # (q, p * shifts, 64)
    mirrored = views.view(*views.shape[:2], NUM_CELLS, NUM_CELLS).flip(3).flatten(2)
    return standardised(torch.cat([views, mirrored], 1))


def _cell_means(images: Tensor) -> Tensor:
    """Mean of the cells that begin at every second pixel of images (..., 64, 64), flattened."""
    rows = images[..., ::2, :] + images[..., 1::2, :]
    pairs = rows[..., ::2] + rows[..., 1::2]  # (..., 32, 32)
    across = pairs[..., :-2] + pairs[..., 1:-1] + pairs[..., 2:]
    sums = across[..., :-2, :] + across[..., 1:-1, :] + across[..., 2:, :]
    return sums.flatten(-2) / CELL**2


def _places(down: int, right: int) -> Tensor:
    """Where the cells of the shifted middle lie among all of an image, (64,)."""
    num_starts = SIDE // 2 - 2
    along = np.arange(NUM_CELLS) * CELL // 2 + _MARGIN // 2
    rows, columns = along + down // 2, along + right // 2
    return torch.from_numpy((rows[:, None] * num_starts + columns).ravel())


_SHIFTED = torch.stack([_places(*shift) for shift in SHIFTS])
