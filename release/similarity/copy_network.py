"""The network that sees whether one image is a copy of another."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 64  # pixels of its input
_CHANNELS_PER_GROUP = 8
_FLAT = 0.01  # of the range's half: an image that deviates less from its mean shows nothing


class CopyNetwork(nn.Module):
    """A small ResNet from images to points on a sphere, near each other where images are copies.

    It normalises over groups of channels and not over the batch, so that an image's place depends
    on that image alone.

    Args:
        widths: Channels of each stage; a stage halves the side.
        num_features: Dimensions of the sphere's space.

    References: He et al. 2016 (arXiv:1512.03385); Wu and He 2018 (arXiv:1803.08494).
    """

    def __init__(self, widths: tuple[int, ...], num_features: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False)
        before = (widths[0], *widths)
        self.stages = nn.Sequential(
            *map(_Stage, before, widths),
            nn.GroupNorm(widths[-1] // _CHANNELS_PER_GROUP, widths[-1]),
            nn.ReLU(),
        )
        last = SIDE // 2 ** (1 + len(widths))  # side of the last maps: where things are, counts
        self.head = nn.Linear(widths[-1] * last**2, num_features)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images (b, 1, 64, 64) in [-1, 1] as unit vectors (b, num_features)."""
        deviation, mean = torch.std_mean(images, (1, 2, 3), keepdim=True)
        maps = self.stages(self.stem((images - mean) / deviation.clamp_min(_FLAT)))
        return F.normalize(self.head(maps.flatten(1)).float(), dim=1)


class _Stage(nn.Module):
    """A residual block that halves the side."""

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.GroupNorm(num_inputs // _CHANNELS_PER_GROUP, num_inputs),
            nn.ReLU(),
            nn.Conv2d(num_inputs, num_outputs, 3, stride=2, padding=1, bias=False),
            nn.GroupNorm(num_outputs // _CHANNELS_PER_GROUP, num_outputs),
            nn.ReLU(),
            nn.Conv2d(num_outputs, num_outputs, 3, padding=1, bias=False),
        )
        self.shortcut = nn.Conv2d(num_inputs, num_outputs, 1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.main(maps) + self.shortcut(F.avg_pool2d(maps, 2))
        return out
