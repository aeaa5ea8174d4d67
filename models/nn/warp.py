"""One affine warp for every augmentation: turn, zoom and shift images, each in its own way."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def warp(
    images: Tensor,
    angle: Tensor,
    *,
    width: Tensor | float = 1.0,
    height: Tensor | float = 1.0,
    right: Tensor | None = None,
    down: Tensor | None = None,
) -> Tensor:
    """Sample images where a turned, zoomed and shifted grid of pixels lies in them, bilinearly.

    What lies outside of an image is its border, drawn out.

    Args:
        images: (b, c, h, w).
        angle: (b,), by which the grid is turned, in radians.
        width: (b,), how wide the grid is, in widths of the image: above 1 the image looks smaller.
        height: (b,), how high, likewise.
        right: (b,), where the grid's middle lies, in sides of the image; None in the middle.
        down: (b,), likewise.

    Returns:
        As many images. Computed in the images' own precision, whatever autocast asks for: bfloat16
        would round places to a quarter of a pixel at 128 px.
    """
    zero = torch.zeros_like(angle)
    cos, sin = angle.cos(), angle.sin()
    across = [width * cos, -width * sin, zero if right is None else 2 * right]
    along = [height * sin, height * cos, zero if down is None else 2 * down]
    matrices = torch.stack([torch.stack(across, 1), torch.stack(along, 1)], 1).float()
    with torch.autocast(images.device.type, enabled=False):
        places = F.affine_grid(matrices, list(images.shape), align_corners=False)
        return F.grid_sample(
            images, places.to(images.dtype), padding_mode="border", align_corners=False
        )
