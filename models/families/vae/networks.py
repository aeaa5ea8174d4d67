"""The two halves of the autoencoder.

Films are folded into channels first and unfolded last, so that every convolution runs at a low
resolution; from there the feature maps halve down to 4x4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.families.vae.config import Config
from models.family import ImageSpec
from models.nn.normalisation import group_norm
from models.nn.residual import ConditionalResidualBlock

COARSEST = 4  # side of the smallest feature maps


def resolutions(config: Config, spec: ImageSpec) -> list[int]:
    """List the sides of the feature maps, finest first."""
    sides = [spec.size // config.patch_size]
    while sides[-1] > COARSEST:
        sides.append(sides[-1] // 2)
    return sides


def channels_at(side: int, width: int) -> int:
    """Count the channels of feature maps of a side: `width` at 16, half above, twice below."""
    return width * 2 if side < 16 else width // 2 if side > 16 else width


class Encoder(nn.Module):
    """From a film and its label to the posterior's mean and log-variance."""

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        sides = resolutions(config, spec)
        channels = [channels_at(side, config.width) for side in sides]
        self._embed_label = nn.Embedding(spec.num_classes, config.width)
        self._stem = nn.Conv2d(config.patch_size**2, channels[0], 3, padding=1)
        self._patch_size = config.patch_size
        self._levels = nn.ModuleList(
            blocks(before, after, config)
            for before, after in zip([channels[0], *channels], channels, strict=False)
        )
        self._norm = group_norm(channels[-1])
        self._head = nn.Linear(channels[-1] * sides[-1] ** 2, 2 * config.num_latents)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log_variance, (b, num_latents) each, float32."""
        embedding = F.silu(self._embed_label(labels))
        features = self._stem(F.pixel_unshuffle(images, self._patch_size))
        for i, level in enumerate(self._levels):
            if i > 0:
                features = F.avg_pool2d(features, 2)
            for block in level:  # type: ignore[attr-defined]
                features = block(features, embedding)
        with torch.autocast(features.device.type, enabled=False):
            hidden = F.silu(self._norm(features.float())).flatten(1)
            mean, log_variance = self._head(hidden).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)


class Decoder(nn.Module):
    """From latents and a label to the likelihood's parameter for every pixel."""

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        sides = resolutions(config, spec)[::-1]
        channels = [channels_at(side, config.width) for side in sides]
        self._embed_label = nn.Embedding(spec.num_classes, config.width)
        self._embed_latents = nn.Linear(config.num_latents, config.width)
        self._side = sides[0]
        self._stem = nn.Linear(config.num_latents, channels[0] * sides[0] ** 2)
        self._levels = nn.ModuleList(
            blocks(before, after, config)
            for before, after in zip([channels[0], *channels], channels, strict=False)
        )
        self._norm = group_norm(channels[-1])
        self._head = nn.Conv2d(channels[-1], config.patch_size**2, 3, padding=1)
        self._patch_size = config.patch_size

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return (b, 1, h, w), float32."""
        embedding = F.silu(self._embed_label(labels) + self._embed_latents(latents))
        features = self._stem(latents).unflatten(1, (-1, self._side, self._side))
        for i, level in enumerate(self._levels):
            if i > 0:
                features = F.interpolate(features, scale_factor=2, mode="nearest")
            for block in level:  # type: ignore[attr-defined]
                features = block(features, embedding)
        patches = self._head(F.silu(self._norm(features)))
        return F.pixel_shuffle(patches.float(), self._patch_size)


def blocks(in_channels: int, out_channels: int, config: Config) -> nn.ModuleList:
    """Make the residual blocks of one resolution."""
    return nn.ModuleList(
        ConditionalResidualBlock(out_channels if i else in_channels, out_channels, config.width)
        for i in range(config.num_blocks)
    )
