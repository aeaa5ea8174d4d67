"""Which films may be copies of a film: those most like it at 16x16."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from release.metrics.metric import Patients
from release.metrics.registration import FLIPS, pose_matrix, posed
from release.metrics.search import nearest
from release.metrics.standardised import standardised

SIDE = 16  # pixels
MARGIN = 2  # pixels of 16: the other film takes part with its middle
SHIFTS = (1, 2, 3)  # first pixel of the window; 2 is no shift
SCALES = (0.9, 1.0)
_QUERIES_AT_ONCE = 512


def shortlist(
    queries: Tensor, among: Tensor, num_listed: int, apart: Patients | None = None
) -> NDArray[np.int64]:
    """Find the films most like each query, over flips, two zooms and shifts of a pixel of 16.

    Args:
        queries: (q, s, s), s a multiple of 16.
        among: (n, s, s).
        num_listed: How many.
        apart: See `Metric.nearest`.

    Returns:
        (q, num_listed), places in `among`; -1 where there are fewer.
    """
    inner = slice(MARGIN, SIDE - MARGIN)
    crops = standardised(_small(among)[:, inner, inner].flatten(1)).numpy()
    listed = np.empty((len(queries), num_listed), np.int64)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        some = slice(start, start + _QUERIES_AT_ONCE)
        views = _views(_small(queries[some])).numpy()
        theirs = apart and (apart[0][some], apart[1])
        listed[some] = nearest(views, crops, num_listed, apart=theirs).indices
    return listed


def _small(films: Tensor) -> Tensor:
    return F.avg_pool2d(films, films.shape[-1] // SIDE)


def _views(films: Tensor) -> Tensor:
    """Cut windows of every pose and shift from films (n, 16, 16): (views, n, d), of unit norm."""
    matrices = torch.tensor([pose_matrix(flip, scale, 0.0) for flip, scale in _POSES])
    side = SIDE - 2 * MARGIN
    shown = posed(films, matrices)
    windows = [
        shown[:, :, row : row + side, column : column + side].flatten(2)
        for row, column in product(SHIFTS, SHIFTS)
    ]
    return standardised(torch.cat(windows, 1)).transpose(0, 1).contiguous()


_POSES = tuple(product(FLIPS, SCALES))
