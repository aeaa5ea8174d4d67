"""Small changes that leave an image about as likely as it was: another breath, another exposure.

A density that learns from changed images learns less of each by heart; what it draws varies by
these changes too.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

MAX_TURN = 0.05  # radians
MAX_ZOOM = 0.04
MAX_SHIFT = 0.047  # of the side
MAX_CONTRAST = 0.1
MAX_BRIGHTNESS = 0.05  # in image units


def jittered(images: Tensor) -> Tensor:
    """Turn, zoom, shift, stretch and brighten images (b, 1, h, w), each in its own way.

    How far each is changed comes from torch's global random source, evenly up to the most.
    """
    changes = 2 * torch.rand(7, len(images), device=images.device) - 1
    angle = MAX_TURN * changes[0]
    wide, high = 1 + MAX_ZOOM * changes[1:3]
    right, down = 2 * MAX_SHIFT * changes[3:5]
    across = torch.stack([wide * angle.cos(), -wide * angle.sin(), right], 1)
    along = torch.stack([high * angle.sin(), high * angle.cos(), down], 1)
    with torch.autocast(images.device.type, enabled=False):
        places = F.affine_grid(
            torch.stack([across, along], 1), list(images.shape), align_corners=False
        )
        moved = F.grid_sample(images, places, padding_mode="border", align_corners=False)
    mean = moved.mean((1, 2, 3), keepdim=True)
    contrast = (1 + MAX_CONTRAST * changes[5]).view(-1, 1, 1, 1)
    brightness = (MAX_BRIGHTNESS * changes[6]).view(-1, 1, 1, 1)
    return mean + contrast * (moved - mean) + brightness
