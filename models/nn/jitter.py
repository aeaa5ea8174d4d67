"""Small changes that leave an image about as likely as it was: another breath, another exposure.

A density that learns from changed images memorises less of each; what it draws varies by
these changes too.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.nn.warp import warp

NUM_CHANGES = 7
MAX_TURN = 0.05  # radians
MAX_ZOOM = 0.04
MAX_SHIFT = 0.047  # of the side
MAX_CONTRAST = 0.1
MAX_BRIGHTNESS = 0.05  # in image units


def jittered(images: Tensor) -> Tensor:
    """Turn, zoom, shift, stretch and brighten images (b, 1, h, w), each in its own way.

    How far each is changed comes from torch's global random source, evenly up to the most.
    """
    return changed(images, draw_changes(len(images), images.device))


def draw_changes(num_images: int, device: torch.device) -> Tensor:
    """Draw changes, (num_images, NUM_CHANGES), evenly from [-1, 1]; 0 is no change."""
    return 2 * torch.rand(NUM_CHANGES, num_images, device=device).T - 1


def changed(images: Tensor, changes: Tensor, reach: float = 1.0) -> Tensor:
    """Change images, each in its own way.

    Args:
        images: (b, 1, h, w).
        changes: (b, NUM_CHANGES), in units of `reach` times the most.
        reach: How many times as far as `jittered` goes a change of 1 goes.
    """
    turn, wider, higher, right, down, contrast, brightness = (reach * changes).unbind(1)
    moved = warp(
        images,
        MAX_TURN * turn,
        width=1 + MAX_ZOOM * wider,
        height=1 + MAX_ZOOM * higher,
        right=MAX_SHIFT * right,
        down=MAX_SHIFT * down,
    )
    mean = moved.mean((1, 2, 3), keepdim=True)
    stretched: Tensor = (1 + MAX_CONTRAST * contrast).view(-1, 1, 1, 1) * (moved - mean)
    return mean + stretched + (MAX_BRIGHTNESS * brightness).view(-1, 1, 1, 1)
