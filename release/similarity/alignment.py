"""Lay one image over another: shifts by correlation, then the best affine map, then how they agree.

Images are structures (`release.similarity.structure`). A map takes places of the candidate to
places of the query, both in [-1, 1]: y = A (x, 1), A of shape (2, 3).

References: Lewis 1995 (fast normalised cross-correlation); Baker and Matthews 2004, section 3.2
(the inverse compositional algorithm), doi:10.1023/B:VISI.0000011205.11775.fd.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from release.similarity.structure import COARSE_SIDE
from release.similarity.windows import Window

REACH = 6  # pixels of 32: the farthest shift of any window
NUM_STEPS = 4
NUM_BLOCKS = 4  # along each side, by which agreement is counted
_SMALLEST = 1e-3  # energy of a window that shows something
_BLANK = 0.2  # of the mean energy of the blocks: one that shows less agrees with anything
_RIDGE = 1e-3  # of the mean curvature: keeps a step finite where nothing changes


class Targets(NamedTuple):
    """Candidates made ready for correlation.

    Attributes:
        spectra: (n, 32, 17), complex.
        squared: (n, 32, 17), complex: of the squared images.
    """

    spectra: Tensor
    squared: Tensor

    @classmethod
    def of(cls, coarse: Tensor) -> Targets:
        """Transform images (n, 32, 32)."""
        return cls(torch.fft.rfft2(coarse), torch.fft.rfft2(coarse.square()))

    def energy(self, window: Window) -> Tensor:
        """Return what the images show under the window at each shift, (n, 13, 13)."""
        weights = torch.fft.rfft2(window.weights.square())
        return _near(torch.fft.irfft2(self.squared * weights.conj(), s=(COARSE_SIDE,) * 2))


class Shift(NamedTuple):
    """Where pairs fit best.

    Attributes:
        correlation: (p,), without its sign, in [0, 1].
        place: (p, 2), how far right and down the candidate shows what the query shows, in pixels
            of 32.
    """

    correlation: Tensor
    place: Tensor


def best_shift(queries: Tensor, window: Window, spectra: Tensor, energy: Tensor) -> Shift:
    """Correlate queries (p, 32, 32), one for each candidate, at all shifts of the window.

    Args:
        queries: In the pose in which they are compared.
        window: On the query.
        spectra: (p, 32, 17), of the candidates.
        energy: (p, 13, 13), as `Targets.energy` gives it.
    """
    weights = window.weights
    seen = torch.fft.rfft2(queries * weights.square())
    product = _near(torch.fft.irfft2(seen.conj() * spectra, s=(COARSE_SIDE,) * 2))
    own = (queries * weights).square().sum((1, 2))[:, None, None]
    fit = product.abs() * (own * energy).clamp_min(_SMALLEST).rsqrt()
    skipped = REACH - window.reach
    if skipped:
        fit = fit[:, skipped:-skipped, skipped:-skipped]
    best, at = fit.flatten(1).max(1)
    side = 2 * window.reach + 1
    place = torch.stack([at % side, at // side], 1) - window.reach
    return Shift(best.clamp(max=1), place.float())


def _near(maps: Tensor) -> Tensor:
    """Keep shifts of up to 6 pixels, in order, of circular correlations (..., 32, 32)."""
    rows = torch.cat([maps[..., -REACH:, :], maps[..., : REACH + 1, :]], -2)
    return torch.cat([rows[..., -REACH:], rows[..., : REACH + 1]], -1)


def shifted_maps(poses: Tensor, place: Tensor) -> Tensor:
    """Compose poses (p, 2, 3) with shifts: the candidate's x shows the query's pose(x - shift)."""
    maps = poses.clone()
    moved = (poses[:, :, :2] @ (place * (2 / COARSE_SIDE)).unsqueeze(2)).squeeze(2)
    maps[:, :, 2] -= moved
    return maps


def refined(queries: Tensor, candidates: Tensor, weights: Tensor, maps: Tensor) -> Tensor:
    """Improve maps (p, 2, 3) by Gauss-Newton steps; a step that fits worse is not taken.

    Args:
        queries: (p, 32, 32).
        candidates: (p, 32, 32).
        weights: (p, 32, 32), of the places of the candidates that count.
        maps: Where to begin.
    """
    descent = _steepest(candidates)  # (p, 6, 1024)
    weighted = descent * weights.flatten(1)[:, None]
    curvature = weighted @ descent.mT
    ridge = _RIDGE * curvature.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-6)
    inverse = torch.linalg.inv(curvature + ridge[:, None, None] * torch.eye(6))
    target, w = candidates.flatten(1), weights.flatten(1)
    best, fit = maps, torch.full((len(maps),), -1.0)
    for _ in range(NUM_STEPS):
        seen = warped(queries, maps).flatten(1)
        product = (w * seen * target).sum(1)
        energy = (w * seen.square()).sum(1).clamp_min(_SMALLEST)
        found = product.abs() * (energy * (w * target.square()).sum(1).clamp_min(_SMALLEST)).rsqrt()
        better = found > fit
        fit = torch.where(better, found, fit)
        best = torch.where(better[:, None, None], maps, best)
        residual = (product / energy)[:, None] * seen - target
        step = (inverse @ (weighted @ residual.unsqueeze(2))).view(-1, 2, 3)
        maps = _composed(maps, step)
    return best


def _steepest(images: Tensor) -> Tensor:
    """How images (p, 32, 32) change with the six numbers of an affine map, (p, 6, 1024)."""
    padded = F.pad(images.unsqueeze(1), [1] * 4, mode="replicate").squeeze(1)
    scale = COARSE_SIDE / 4  # pixels a unit, over two pixels
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) * scale
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) * scale
    return torch.stack([across * _X, across * _Y, across, down * _X, down * _Y, down], 1).flatten(2)


def _composed(maps: Tensor, steps: Tensor) -> Tensor:
    """Follow each map by the inverse of a small step: W(x; p) o W(x; dp)^-1."""
    linear = torch.eye(2) + steps[:, :, :2]
    inverse = torch.linalg.inv(linear)
    offset = -(inverse @ steps[:, :, 2:])
    return torch.cat([maps[:, :, :2] @ inverse, maps[:, :, :2] @ offset + maps[:, :, 2:]], 2)


def warped(images: Tensor, maps: Tensor) -> Tensor:
    """Show images (p, side, side) through maps (p, 2, 3); edges are drawn out."""
    return _sampled(images, _seen_places(maps, images.shape[-1]))


def _seen_places(maps: Tensor, side: int) -> Tensor:
    """Where maps (p, 2, 3) take the places of an image, (p, side, side, 2)."""
    along = _along(side)
    linear, offset = maps[:, None, None, :, :2], maps[:, None, None, :, 2]
    down = along[:, None, None] * linear[..., 1] + offset  # (p, side, 1, 2)
    return torch.addcmul(down, along[:, None], linear[..., 0])


def _sampled(images: Tensor, places: Tensor) -> Tensor:
    shown = F.grid_sample(images.unsqueeze(1), places, padding_mode="border", align_corners=False)
    return shown.squeeze(1)


def agreement(queries: Tensor, candidates: Tensor, maps: Tensor) -> Tensor:
    """Say how far aligned images disagree, over all and over the best parts of the overlap.

    The overlap is cut into 4 x 4 blocks. A part is the half, or the quarter, of the blocks that
    agree best: what is copied in part, or hidden in part, agrees there. Blocks that show hardly
    anything, as margins do, come last.

    Args:
        queries: (p, side, side), a side that 4 divides.
        candidates: (p, side, side).
        maps: (p, 2, 3).

    Returns:
        (p, 3), 1 - correlation over all, half and a quarter of the blocks, in [0, 1].
    """
    places = _seen_places(maps, candidates.shape[-1])
    inside = (places.abs().amax(3) <= 1).float()
    seen, theirs = _sampled(queries, places) * inside, candidates * inside
    sums = torch.stack(
        [_block_sums(each) for each in (seen * theirs, seen.square(), theirs.square())]
    )
    product, own, other = sums[0] * sums[0].sum(1, keepdim=True).sign(), sums[1], sums[2]
    fit = product * (own * other).clamp_min(_SMALLEST).rsqrt()
    blank = torch.minimum(own, other) < _BLANK * torch.minimum(own, other).mean(1, keepdim=True)
    order = fit.masked_fill(blank, -1).argsort(1, descending=True)
    best = [each.gather(1, order).cumsum(1)[:, _PARTS] for each in (product, own, other)]
    return (1 - best[0] * (best[1] * best[2]).clamp_min(_SMALLEST).rsqrt()).clamp(0, 1)


def _block_sums(images: Tensor) -> Tensor:
    """Add up 4 x 4 blocks of images (p, side, side): (p, 16)."""
    side = images.shape[-1] // NUM_BLOCKS
    return images.view(-1, NUM_BLOCKS, side, NUM_BLOCKS, side).sum((2, 4)).flatten(1)


def _along(side: int) -> Tensor:
    """Places of pixels along an axis, in [-1, 1]."""
    return (torch.arange(side) + 0.5) * (2 / side) - 1


_X = _along(COARSE_SIDE).expand(COARSE_SIDE, COARSE_SIDE)
_Y = _X.T
_PARTS = [NUM_BLOCKS**2 // share - 1 for share in (1, 2, 4)]
