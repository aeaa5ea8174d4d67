"""Images as vectors whose inner products are correlations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from release.data import Pixels

FLAT = 1e-3  # grey levels of 255: an image that deviates less from its mean shows nothing
_IMAGES_AT_ONCE = 512


def standardised(images: Tensor) -> Tensor:
    """Take the mean off each row and scale it to unit norm; a flat row becomes zeros.

    Args:
        images: (..., d), grey levels.
    """
    deviations = images - images.mean(-1, keepdim=True)
    norms = deviations.norm(dim=-1, keepdim=True)
    scale = torch.where(norms > FLAT * images.shape[-1] ** 0.5, 1 / norms, 0)
    return deviations * scale


def area_means(pixels: Pixels, side: int) -> Tensor:
    """Resize images (n, size, size) by area to (n, side, side), in grey levels."""
    resized = torch.empty(len(pixels), side, side)
    for start in range(0, len(pixels), _IMAGES_AT_ONCE):
        some = slice(start, start + _IMAGES_AT_ONCE)
        images = torch.from_numpy(pixels[some]).float().unsqueeze(1)
        resized[some] = F.adaptive_avg_pool2d(images, side).squeeze(1)
    return resized
