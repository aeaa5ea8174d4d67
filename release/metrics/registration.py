"""How well two films agree once one is laid over the other.

One film is mirrored, turned and zoomed, and each of these poses is shifted; it agrees with the
other as far as their correlation goes where they fit best. The other film takes part with its
middle only, which a shifted film still shows. Every place is tried at 16 px, and the best is
refined at 32 px by a pixel of 64 to each side: at 32 px, half a pixel already costs a copy a
twentieth of its correlation.
"""

from __future__ import annotations

from math import cos, radians, sin

import torch
import torch.nn.functional as F
from torch import Tensor

from release.metrics.standardised import standardised

SIDE = 64  # pixels
MARGIN = 6  # pixels of 64 on each side of the middle: the farthest shift
FLIPS = (1, -1)
TURNS_AND_ZOOMS = (  # degrees; side of the query as shown: 0.9 undoes a crop by a tenth
    (0.0, 1.0),
    *((0.0, 0.9), (0.0, 0.95), (0.0, 1.07)),
    *((-4.0, 1.0), (4.0, 1.0), (-4.0, 0.95), (4.0, 0.95)),
)
COARSE_STEP = 2  # pixels of 64 from one shift to the next
REACH = 1  # pixels of 64 that the refinement goes to each side


def registered_correlation(queries: Tensor, candidates: Tensor) -> Tensor:
    """Correlate each query with its candidates where they fit best.

    Args:
        queries: (q, 64, 64).
        candidates: (q, c, 64, 64), those of each query.

    Returns:
        (q, c), in [-1, 1]; 0 for a film that is flat.
    """
    blurred = _neighbour_means(posed(queries, _GRID))  # over 2 x 2 pixels: (q, p, 63, 63)
    middles = candidates[..., MARGIN : SIDE - MARGIN, MARGIN : SIDE - MARGIN]
    crops = _neighbour_means(middles)[..., ::2, ::2]
    places = _best_places(blurred, _neighbour_means(crops)[..., ::2, ::2])
    return torch.maximum(*(_refined(blurred, crops, *place) for place in places))


def posed(films: Tensor, matrices: Tensor) -> Tensor:
    """Show films (n, s, s) in each pose (p, 2, 3): (n, p, s, s); edges are drawn out."""
    n, side, p = len(films), films.shape[-1], len(matrices)
    grid = F.affine_grid(matrices, [p, 1, side, side], align_corners=False)
    grids = grid.expand(n, p, side, side, 2).reshape(n * p, side, side, 2)
    stacked = films[:, None].expand(n, p, side, side).reshape(n * p, 1, side, side)
    shown = F.grid_sample(stacked, grids, padding_mode="border", align_corners=False)
    return shown.view(n, p, side, side)


def pose_matrix(flip: int, scale: float, degrees: float) -> list[list[float]]:
    """Return the affine matrix from places of the posed film to places of the film."""
    c, s = cos(radians(degrees)) / scale, sin(radians(degrees)) / scale
    return [[flip * c, -flip * s, 0.0], [s, c, 0.0]]


def _best_places(blurred: Tensor, crops: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Find where each crop fits best: the pose and its window's first row and column, all (q, c).

    Twice: among all poses, and among those that are neither turned nor zoomed. For these are the
    likeliest, and at 16 px a small turn or zoom can outdo the last pixel of a shift.
    """
    q, p = blurred.shape[:2]
    side, steps = crops.shape[-1], 2 * MARGIN // COARSE_STEP + 1
    coarse = _neighbour_means(blurred[..., ::2, ::2])  # over 4 x 4, every second: (q, p, 31, 31)
    windows = _strided_windows(coarse, side).reshape(q, p * steps**2, side**2)
    fit = windows @ standardised(crops.flatten(2)).mT  # (q, windows, c)
    fit *= _inverse_norms(windows)[..., None]
    places = []
    for best in (fit.argmax(1), fit[:, : len(FLIPS) * steps**2].argmax(1)):
        row, column = best % steps**2 // steps, best % steps
        places.append((best // steps**2, row * COARSE_STEP, column * COARSE_STEP))
    return places


def _refined(blurred: Tensor, crops: Tensor, pose: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Return the correlation at the best of the 3 x 3 places about the one found, (q, c)."""
    q, c, side, _ = crops.shape
    length = 2 * side - 1 + 2 * REACH  # pixels that the windows reach over
    last = SIDE - 1 - length
    reach = torch.arange(length)
    rows = (row - REACH).clamp(0, last)[..., None] + reach  # (q, c, length)
    columns = (column - REACH).clamp(0, last)[..., None] + reach
    at = (pose[..., None, None] * (SIDE - 1) + rows[..., :, None]) * (SIDE - 1)
    at = at + columns[..., None, :]  # (q, c, length, length)
    regions = blurred.flatten(1).gather(1, at.flatten(1)).view(q * c, 1, length, length)
    windows = _strided_windows(regions, side).reshape(q * c, -1, side**2)
    products = windows @ standardised(crops.reshape(q * c, side**2))[:, :, None]
    found = products.squeeze(2) * _inverse_norms(windows)
    return found.amax(1).view(q, c).clamp(-1, 1)


def _neighbour_means(films: Tensor) -> Tensor:
    """Mean of each 2 x 2 pixels side by side: (..., h - 1, w - 1)."""
    across = films[..., :-1] + films[..., 1:]
    return (across[..., :-1, :] + across[..., 1:, :]).mul_(0.25)


def _strided_windows(films: Tensor, side: int) -> Tensor:
    """Cut all windows of side x side of every second pixel: (..., rows, columns, side, side)."""
    windows = films.unfold(2, 2 * side - 1, 1).unfold(3, 2 * side - 1, 1)
    return windows[..., ::2, ::2]


def _inverse_norms(windows: Tensor) -> Tensor:
    """One over the norm of each window (..., d) less its mean; 0 for flat ones."""
    d = windows.shape[-1]
    squares = torch.linalg.vecdot(windows, windows) - windows.sum(-1).square() / d
    return torch.where(squares > 1e-6 * d, squares.clamp_min(1e-6).rsqrt(), 0)


# those that are neither turned nor zoomed come first
_GRID = torch.tensor(
    [pose_matrix(flip, scale, degrees) for degrees, scale in TURNS_AND_ZOOMS for flip in FLIPS]
)
