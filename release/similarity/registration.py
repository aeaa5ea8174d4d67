"""How well two images agree once one is laid over the other.

One image, the query, is turned and zoomed, and each of these poses is shifted; the other, the
candidate, may be mirrored and takes part with its middle only, which a shifted image still shows.
They agree as far as their correlation goes where they fit best. Every place is tried at 16 px, and
the best is refined at 32 px by a pixel of 64 to the side where it fits better: at 32 px, half a
pixel already costs a copy a twentieth of its correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians, sin
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from release.similarity.preprocessing import standardised

SIDE = 64  # pixels
MARGIN = 6  # pixels of 64 on each side of the middle: the farthest shift
COARSE_STEP = 2  # pixels of 64 from one shift to the next
TIE = 0.03  # by which a coarse fit can mislead: no real pair of 4,000 lost by more than 0.02
TURNS_AND_ZOOMS = (  # degrees; side of the query as shown: 0.9 undoes a crop by a tenth
    *((0.0, 1.0), (0.0, 0.9), (0.0, 0.95), (0.0, 1.07)),
    *((-4.0, 1.0), (4.0, 1.0), (-4.0, 0.95), (4.0, 0.95)),
)
_STEPS = 2 * MARGIN // COARSE_STEP + 1  # shifts tried along each axis
_FINE = SIDE // 2 - MARGIN  # side of a middle at 32 px
_COARSE = _FINE // 2  # and at 16 px
_HALF = SIDE // 2


class Poses:
    """Ways to turn and zoom an image, the first of which leaves it as it is.

    Args:
        turns_and_zooms: Degrees, and the side of the image as shown in units of its own.
    """

    def __init__(self, turns_and_zooms: Sequence[tuple[float, float]]) -> None:
        assert turns_and_zooms[0] == (0, 1)
        matrices = torch.tensor([pose_matrix(*each) for each in turns_and_zooms[1:]])
        shape = [len(matrices), 1, SIDE, SIDE]
        self._grids = F.affine_grid(matrices, shape, align_corners=False)

    def __len__(self) -> int:
        return 1 + len(self._grids)

    def of(self, images: Tensor) -> Tensor:
        """Show images (n, 64, 64) in each of p poses, (p, n, 64, 64); edges are repeated."""
        stacked = images.expand(len(self._grids), *images.shape)
        shown = F.grid_sample(stacked, self._grids, padding_mode="border", align_corners=False)
        return torch.cat([images[None], shown])


def pose_matrix(degrees: float, scale: float) -> list[list[float]]:
    """Return the affine matrix from places of the posed image to places of the image."""
    c, s = cos(radians(degrees)) / scale, sin(radians(degrees)) / scale
    return [[c, -s, 0.0], [s, c, 0.0]]


_POSES = Poses(TURNS_AND_ZOOMS)


class Middles(NamedTuple):
    """Middles of n images, standardised.

    Attributes:
        fine: (n, 2, 676): 26 x 26 at 32 px, as it is and mirrored.
        coarse: (n, 2, 169): 13 x 13 at 16 px, likewise.
    """

    fine: Tensor
    coarse: Tensor

    @classmethod
    def of(cls, images: Tensor) -> Middles:
        """Cut the middles out of images (n, 64, 64)."""
        middles = images[:, MARGIN : SIDE - MARGIN, MARGIN : SIDE - MARGIN]
        fine = _neighbour_means(middles)[..., ::2, ::2]
        coarse = _neighbour_means(fine)[..., ::2, ::2]
        return cls(_both_ways(fine), _both_ways(coarse))


def registered_correlation(
    queries: Tensor, candidates: Middles, whose: Tensor, which: Tensor
) -> Tensor:
    """Correlate queries with candidates where they fit best.

    Args:
        queries: (q, 64, 64).
        candidates: Of n images.
        whose: (pairs,), the query of each pair, ascending.
        which: (pairs,), its candidate.

    Returns:
        (pairs,), in [-1, 1]; 0 for an image that is flat.
    """
    blurred = _neighbour_means(_POSES.of(queries))  # over 2 x 2 pixels: (p, q, 63, 63)
    places = _best_places(_coarse_fit(blurred, candidates.coarse[which], whose))
    found = _fine_fit(blurred, candidates.fine, whose, which, places)
    best, others = found[: len(which)], found[len(which) :]
    again = places.pair[len(which) :]
    best[again] = torch.maximum(best[again], others)
    return best.clamp(-1, 1)


class _Places(NamedTuple):
    """Where pairs fit best; each is (places,).

    Attributes:
        pair: Which pair it is: all in their order, and then some a second time.
        mirrored: 1 where the candidate is.
        pose: Of the query.
        row: First row of the window, in pixels of 64.
        column: Likewise.
        down: 1 or -1: the row beside that fits better.
        right: Likewise.
    """

    pair: Tensor
    mirrored: Tensor
    pose: Tensor
    row: Tensor
    column: Tensor
    down: Tensor
    right: Tensor


def _coarse_fit(blurred: Tensor, crops: Tensor, whose: Tensor) -> Tensor:
    """Correlate each pair at every place, (pairs, 2 * poses * rows * columns)."""
    coarse = _neighbour_means(blurred[..., ::2, ::2])  # over 4 x 4, every second: (p, q, 31, 31)
    reach = 2 * _COARSE - 1  # of a window of every second pixel
    windows = coarse.unfold(2, reach, 1).unfold(3, reach, 1)[..., ::2, ::2].transpose(0, 1)
    windows = windows.reshape(windows.shape[0], -1, _COARSE**2)  # (q, p * rows * columns, 169)
    sums, squares = windows.sum(-1), torch.linalg.vecdot(windows, windows)
    windows *= _inverse_norms(sums, squares, _COARSE**2)[..., None]
    num_pairs = torch.bincount(whose, minlength=len(windows)).tolist()
    of_query = zip(torch.split(crops, num_pairs), windows, strict=True)
    fit = torch.cat([crop.flatten(0, 1) @ window.T for crop, window in of_query])
    return fit.view(len(crops), -1)


def _best_places(fit: Tensor) -> _Places:
    """Find where each pair fits best, and where else it might.

    A query that is neither turned nor zoomed is the likeliest, and at 16 px a small turn or zoom
    can outdo the last pixel of a shift: where it nearly does, its best place counts too.
    """
    best, place = fit.max(1)
    upright = fit.view(len(fit), 2, -1)[..., : _STEPS**2].flatten(1)
    best_upright, place_upright = upright.max(1)
    num_places = len(_POSES) * _STEPS**2
    turned = place % num_places >= _STEPS**2
    again = torch.nonzero(turned & (best - best_upright < TIE)).squeeze(1)
    second = place_upright[again]
    second = second // _STEPS**2 * num_places + second % _STEPS**2
    pair, place = torch.cat([torch.arange(len(fit)), again]), torch.cat([place, second])
    row, column = place % _STEPS**2 // _STEPS, place % _STEPS
    at = pair * fit.shape[1] + place
    return _Places(
        pair,
        place // num_places,
        place % num_places // _STEPS**2,
        row * COARSE_STEP,
        column * COARSE_STEP,
        _better_side(fit.view(-1), at, row, _STEPS),
        _better_side(fit.view(-1), at, column, 1),
    )


def _better_side(fit: Tensor, at: Tensor, place: Tensor, step: int) -> Tensor:
    """Return 1 where the next place fits better than the one before, else -1."""
    first, last = place == 0, place == _STEPS - 1
    before = torch.where(first, -torch.inf, fit[at - torch.where(first, 0, step)])
    after = torch.where(last, -torch.inf, fit[at + torch.where(last, 0, step)])
    return torch.where(after > before, 1, -1)


def _fine_fit(
    blurred: Tensor, fine: Tensor, whose: Tensor, which: Tensor, places: _Places
) -> Tensor:
    """Return the correlation at the best of the 2 x 2 places at and beside each one, (places,)."""
    phases = _phases(blurred)
    rows = torch.stack([places.row, places.row + places.down], 1)[:, :, None]
    columns = torch.stack([places.column, places.column + places.right], 1)[:, None, :]
    shown = places.pose * blurred.shape[1] + whose[places.pair]
    phase = shown[:, None, None] * 4 + rows % 2 * 2 + columns % 2  # (places, 2, 2)
    row, column = rows // 2, columns // 2
    windows = phases.view(-1).as_strided(
        (phases.numel() - _HALF * _FINE, _FINE, _FINE), (1, _HALF, 1)
    )
    starts = (phase * _HALF + row) * _HALF + column
    windows = windows.index_select(0, starts.flatten()).view(-1, 4, _FINE**2)
    crops = fine[which[places.pair], places.mirrored]
    products = (crops[:, None] @ windows.mT).view(-1, 2, 2)
    band = _BAND.shape[0]
    norms = _inverse_norms(
        _BAND @ (phases @ _BAND.T), _BAND @ (phases.square() @ _BAND.T), _FINE**2
    )
    products *= norms.view(-1)[(phase * band + row) * band + column]
    return products.amax((1, 2))


def _phases(blurred: Tensor) -> Tensor:
    """Part images into every second row and column, the others likewise: (p * q, 2, 2, 32, 32)."""
    images = blurred.flatten(0, 1)
    parts = images.new_zeros(len(images), 2, 2, _HALF, _HALF)
    for row in range(2):
        for column in range(2):
            part = images[:, row::2, column::2]
            parts[:, row, column, : part.shape[1], : part.shape[2]] = part
    return parts


def _both_ways(crops: Tensor) -> Tensor:
    """Standardise crops (n, side, side) as they are and mirrored: (n, 2, side * side)."""
    return standardised(torch.stack([crops, crops.flip(2)], 1).flatten(2))


def _neighbour_means(images: Tensor) -> Tensor:
    """Mean of each 2 x 2 pixels side by side: (..., h - 1, w - 1)."""
    across = images[..., :-1] + images[..., 1:]
    return (across[..., :-1, :] + across[..., 1:, :]).mul_(0.25)


def _inverse_norms(sums: Tensor, squares: Tensor, d: int) -> Tensor:
    """One over the norm of windows of d pixels less their mean; 0 for flat ones."""
    norms = squares - sums.square() / d
    return torch.where(norms > 1e-6 * d, norms.clamp_min(1e-6).rsqrt(), 0)


# (7, 32): each row adds 26 neighbours up
_BAND = torch.stack([F.pad(torch.ones(_FINE), (k, MARGIN - k)) for k in range(MARGIN + 1)])
