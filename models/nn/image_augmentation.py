"""Changes an image may undergo and stay one: small shifts, rotations and contrasts, but no flips.

The heart is on the left. The denoiser is conditioned on the change of an image, which is none
in sampling, so that nothing of it leaks into synthetic images.

Reference: Karras et al. 2022, appendix F.2, for the labels (arXiv:2206.00364).
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.nn.warp import warp

NUM_CHANGES = 4  # down, right, rotation, contrast
MAX_SHIFT = 0.06  # of the side
MAX_ROTATION = 0.1  # radians
MAX_CONTRAST = 0.2


def augmented(images: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Change images, each by chance and in its own way, from torch's global source.

    Args:
        images: (b, 1, h, w), in [-1, 1].
        probability: That a change is made, for each of them.

    Returns:
        The images, and how much of each change was made, (b, NUM_CHANGES), in [-1, 1].
    """
    amounts = 2 * torch.rand(len(images), NUM_CHANGES, device=images.device) - 1
    amounts = amounts * (torch.rand_like(amounts) < probability)
    down, right, turn, contrast = amounts.unbind(1)
    # what moves in from outside is black: 0 in images shifted to [0, 2]
    moved = (
        warp(
            images + 1,
            MAX_ROTATION * turn,
            right=MAX_SHIFT * right,
            down=MAX_SHIFT * down,
            padding="zeros",
        )
        - 1
    )
    mean = moved.mean(dim=(1, 2, 3), keepdim=True)
    scale = (1 + MAX_CONTRAST * contrast).view(-1, 1, 1, 1)
    return (mean + scale * (moved - mean)).clamp(-1, 1), amounts
