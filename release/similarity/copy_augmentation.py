"""Copies as they may come: images moved, mirrored, inverted and degraded at random.

Reference: the views of SSCD, Pizzi et al. 2022, section 4.2 (arXiv:2202.10261), for grey images.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

MIRRORED = 0.25  # of the images
INVERTED = 0.1
MAX_TURN = math.radians(12)
ZOOM_OUT, ZOOM_IN = 1.25, 0.8  # side of the window shown, in sides of the image
MAX_SHIFT = 0.15  # of the side
MAX_GAMMA = 0.5  # of the logarithm of the exponent
MAX_CONTRAST = 0.4
MAX_BRIGHTNESS = 0.2  # of the range [-1, 1]'s half
MAX_NOISE = 0.15  # standard deviation, of the range [-1, 1]'s half
COARSEST = 0.35  # step of the coefficients that compression keeps, of the range's half
CUT_OUT = 3 / 8  # of the side


def view(images: Tensor, rng: torch.Generator) -> Tensor:
    """Change each image in its own way.

    Args:
        images: (b, 1, s, s) in [-1, 1], s a multiple of 8.
        rng: Draws the changes.
    """
    images = _moved(images, rng)
    images = _toned(images, rng)
    for chance, change in _DEGRADATIONS:
        chosen = _uniform(images, rng, 0, 1) < chance
        images = torch.where(chosen, change(images, rng), images)
    return images.clamp(-1, 1)


def _moved(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror, turn, zoom and shift; what lies beyond the edge repeats it, or is black."""
    angle = _uniform(images, rng, -MAX_TURN, MAX_TURN).flatten()
    zoom = _uniform(images, rng, ZOOM_IN, ZOOM_OUT).flatten()
    mirror = (_uniform(images, rng, 0, 1).flatten() - MIRRORED).sign()
    right, down = (_uniform(images, rng, -2 * MAX_SHIFT, 2 * MAX_SHIFT).flatten() for _ in "xy")
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    matrix = torch.stack([mirror * cos, -mirror * sin, right, sin, cos, down], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    # zeros move in from beyond the edge: black, where black is 0
    drawn_out = _uniform(images, rng, 0, 1) < 0.5
    inside = grid.clamp(-1, 1)
    grid = torch.where(drawn_out, inside, grid)
    return F.grid_sample(images + 1, grid, align_corners=False) - 1


def _toned(images: Tensor, rng: torch.Generator) -> Tensor:
    exponent = _uniform(images, rng, -MAX_GAMMA, MAX_GAMMA).exp()
    gain = 1 + _uniform(images, rng, -MAX_CONTRAST, MAX_CONTRAST)
    offset = _uniform(images, rng, -MAX_BRIGHTNESS, MAX_BRIGHTNESS)
    grey = ((images + 1) / 2).clamp(0, 1) ** exponent
    sign = (_uniform(images, rng, 0, 1) - INVERTED).sign()
    return sign * ((2 * grey - 1) * gain + offset)


def _noisy(images: Tensor, rng: torch.Generator) -> Tensor:
    noise = torch.randn(images.shape, generator=rng)
    return images + noise * _uniform(images, rng, 0, MAX_NOISE)


def _blurred(images: Tensor, rng: torch.Generator) -> Tensor:
    """Smooth over 3 x 3 pixels, somewhat or fully."""
    amount = _uniform(images, rng, 0, 1)
    padded = F.pad(images, [1] * 4, mode="replicate")
    return torch.lerp(images, F.avg_pool2d(padded, 3, stride=1), amount)


def _resampled(images: Tensor, rng: torch.Generator) -> Tensor:  # noqa: ARG001 - nothing is drawn
    """Shrink to half the side and enlarge again."""
    small = F.avg_pool2d(images, 2)
    return F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)


def _compressed(images: Tensor, rng: torch.Generator) -> Tensor:
    """Round the cosine coefficients of 8 x 8 blocks, the higher the coarser, as JPEG does."""
    b, _, h, w = images.shape
    blocks = images.view(b, h // 8, 8, w // 8, 8)
    coefficients = torch.einsum("ui,bricj,vj->brucv", _COSINES, blocks, _COSINES)
    step = _uniform(images, rng, 0.05, COARSEST).view(b, 1, 1, 1, 1) * _COARSENESS
    rounded = (coefficients / step).round() * step
    return torch.einsum("ui,brucv,vj->bricj", _COSINES, rounded, _COSINES).reshape(b, 1, h, w)


def _cut_out(images: Tensor, rng: torch.Generator) -> Tensor:
    """Blot out a square with mid-grey."""
    side = images.shape[-1]
    place = torch.arange(side) + 0.5
    row, column = (_uniform(images, rng, 0, side) for _ in "yx")
    half = CUT_OUT * side / 2
    inside = ((place.view(1, 1, side, 1) - row).abs() < half) & ((place - column).abs() < half)
    return images.masked_fill(inside, 0)


def _cosine_basis() -> Tensor:
    """The orthonormal cosine transform of 8 values (type II): (8, 8)."""
    k, n = torch.arange(8.0)[:, None], torch.arange(8.0)
    basis = torch.cos(math.pi / 8 * (n + 0.5) * k) / 2
    basis[0] /= math.sqrt(2)
    return basis


def _uniform(images: Tensor, rng: torch.Generator, low: float, high: float) -> Tensor:
    return torch.rand((len(images), 1, 1, 1), generator=rng) * (high - low) + low


_COSINES = _cosine_basis()
# grows with the frequency, as the quantisation tables of JPEG do
_COARSENESS = (1 + torch.arange(8.0)[:, None] + torch.arange(8.0)).view(8, 1, 8) / 4
_Change = Callable[[Tensor, torch.Generator], Tensor]
_DEGRADATIONS: tuple[tuple[float, _Change], ...] = (
    (0.3, _blurred),
    (0.2, _resampled),
    (0.3, _compressed),
    (0.2, _cut_out),
    (0.5, _noisy),
)
