"""Which films may be copies of a film: those most like it in 8 x 8 cells of its middle."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from release.metrics.metric import Patients
from release.metrics.registration import FLIPS, SIDE, pose_matrix, posed
from release.metrics.search import nearest
from release.metrics.standardised import standardised

CELL = 6  # pixels of 64 on a cell's side
NUM_CELLS = 8  # along each side of the middle
SHIFTS = (-4, -2, 0, 2, 4)  # pixels of 64, along each axis
SCALES = (0.9, 1.0)
_MARGIN = (SIDE - CELL * NUM_CELLS) // 2
_QUERIES_AT_ONCE = 256


def shortlist(
    queries: Tensor, among: Tensor, num_listed: int, apart: Patients | None = None
) -> NDArray[np.int64]:
    """Find the films most like each query, over flips, two zooms and shifts.

    Args:
        queries: (q, 64, 64).
        among: (n, 64, 64).
        num_listed: How many.
        apart: See `Metric.nearest`.

    Returns:
        (q, num_listed), places in `among`; -1 where there are fewer.
    """
    crops = standardised(_cells(among, 0, 0).flatten(1)).numpy()
    listed = np.empty((len(queries), num_listed), np.int64)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        some = slice(start, start + _QUERIES_AT_ONCE)
        views = _views(queries[some]).numpy()
        theirs = apart and (apart[0][some], apart[1])
        listed[some] = nearest(views, crops, num_listed, apart=theirs).indices
    return listed


def _views(films: Tensor) -> Tensor:
    """Cut the middle out of films in every pose and shift: (views, n, d), of unit norm."""
    matrices = torch.tensor([pose_matrix(flip, scale, 0.0) for flip, scale in _POSES])
    shown = posed(films, matrices)
    views = [_cells(shown, down, right).flatten(2) for down, right in product(SHIFTS, SHIFTS)]
    return standardised(torch.cat(views, 1)).transpose(0, 1).contiguous()


def _cells(films: Tensor, down: int, right: int) -> Tensor:
    """Mean over each cell of the shifted middle of films (..., 64, 64): (..., 8, 8)."""
    length = CELL * NUM_CELLS
    rows = slice(_MARGIN + down, _MARGIN + down + length)
    columns = slice(_MARGIN + right, _MARGIN + right + length)
    middle = films[..., rows, columns]
    shape = (*middle.shape[:-2], NUM_CELLS, CELL, NUM_CELLS, CELL)
    return middle.reshape(shape).mean(-1).mean(-2)


_POSES = tuple(product(FLIPS, SCALES))
