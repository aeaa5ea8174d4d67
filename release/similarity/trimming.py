"""Cut uniform margins off: a border, a frame or what a shift leaves empty shows no patient."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MOST = 0.45  # of the side: a wider margin is a part of the image that is hidden, and stays
_UNIFORM = 4.0  # grey levels: a row that deviates less shows nothing


def trimmed(images: Tensor) -> Tensor:
    """Cut uniform rows and columns off the edges and enlarge what is left.

    Args:
        images: (n, side, side), grey levels.
    """
    side = images.shape[-1]
    top, bottom = _margins(images.std(2))
    left, right = _margins(images.std(1))
    height, width = side - top - bottom, side - left - right
    zero = torch.zeros_like(height)
    maps = torch.stack(
        [width / side, zero, (left - right) / side, zero, height / side, (top - bottom) / side], 1
    ).view(-1, 2, 3)
    cut = (height < side) | (width < side)
    if not cut.any():
        return images
    grid = F.affine_grid(maps[cut], [int(cut.sum()), 1, side, side], align_corners=False)
    shown = images.clone()
    shown[cut] = F.grid_sample(
        images[cut, None], grid, padding_mode="border", align_corners=False
    ).squeeze(1)
    return shown


def _margins(deviations: Tensor) -> tuple[Tensor, Tensor]:
    """Count the uniform lines at the start and at the end of each row, (n,) each."""
    most = MOST * deviations.shape[1]
    uniform = (deviations < _UNIFORM).float()
    first, last = (each.cumprod(1).sum(1) for each in (uniform, uniform.flip(1)))
    return torch.where(first < most, first, 0), torch.where(last < most, last, 0)
