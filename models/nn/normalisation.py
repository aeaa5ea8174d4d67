"""Group normalisation, plain and adaptive."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS_PER_GROUP = 8


def group_norm(channels: int, *, affine: bool = True) -> nn.GroupNorm:
    """Build a group normalisation; `channels` is a multiple of 8."""
    return nn.GroupNorm(channels // CHANNELS_PER_GROUP, channels, eps=1e-5, affine=affine)


class AdaptiveGroupNorm(nn.Module):
    """Group normalisation whose scale and shift follow a condition.

    Starts as a plain group normalisation, whatever the condition.

    Reference: Dhariwal & Nichol 2021, eq. 3, AdaGN (arXiv:2105.05233).
    """

    def __init__(self, channels: int, condition_size: int) -> None:
        super().__init__()
        self.norm = group_norm(channels, affine=False)
        self.scale_and_shift = nn.Linear(condition_size, 2 * channels)
        nn.init.zeros_(self.scale_and_shift.weight)
        nn.init.zeros_(self.scale_and_shift.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Normalise (b, c, h, w) under a condition (b, condition_size)."""
        scale, shift = self.scale_and_shift(condition)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(x), 1 + scale)
