"""The two halves of the autoencoder: corrections of what principal components say.

Images are folded into channels first and unfolded last, so that every convolution runs at a low
resolution; from there the feature maps halve down to 4x4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.families.vae.config import Config
from models.family import ImageSpec
from models.nn.blocks import (
    COARSEST,
    ClassEmbedding,
    ConditionalResidualBlock,
    group_norm,
    pyramid,
    zero_conv,
)


class Encoder(nn.Module):
    """From an image and its label to corrections of a posterior's mean and log-variance.

    There are none before training.
    """

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        levels = pyramid(spec.size // config.patch_size, config.width)
        channels = [channels for _, channels in levels]
        self.patch_size = config.patch_size
        self.embed_label = nn.Embedding(spec.num_classes, config.width)
        self.stem = nn.Conv2d(config.patch_size**2, channels[0], 3, padding=1)
        self.levels = nn.ModuleList(
            LatentLevel(before, after, config)
            for before, after in zip([channels[0], *channels], channels, strict=False)
        )
        self.norm = group_norm(channels[-1])
        self.head = nn.Linear(channels[-1] * COARSEST**2, 2 * config.num_latents)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return what to add to mean and log_variance, (b, num_latents) each, float32."""
        condition = F.silu(self.embed_label(labels))
        x = self.stem(F.pixel_unshuffle(images, self.patch_size))
        for i, level in enumerate(self.levels):
            x = level(F.avg_pool2d(x, 2) if i else x, condition)
        with torch.autocast(x.device.type, enabled=False):
            mean, log_variance = self.head(F.silu(self.norm(x.float())).flatten(1)).chunk(2, dim=1)
        return mean, log_variance


class Decoder(nn.Module):
    """From latents, a class and a first draft of the image to corrections of the draft.

    There are none before training.
    """

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        levels = pyramid(spec.size // config.patch_size, config.width)
        channels = [channels for _, channels in reversed(levels)]
        self.patch_size = config.patch_size
        self.embed_class = ClassEmbedding(spec.num_classes, config.width)
        self.embed_latents = nn.Linear(config.num_latents, config.width)
        self.start = nn.Linear(config.num_latents, channels[0] * COARSEST**2)
        self.levels = nn.ModuleList(
            LatentLevel(here, after, config)
            for here, after in zip(channels, [*channels[1:], channels[-1]], strict=True)
        )
        self.read_draft = nn.Conv2d(config.patch_size**2, channels[-1], 3, padding=1)
        self.norm = group_norm(channels[-1])
        self.head = zero_conv(channels[-1], config.patch_size**2)

    def forward(self, latents: Tensor, classes: Tensor, draft: Tensor) -> Tensor:
        """Return what to add to the draft, (b, 1, h, w), float32."""
        condition = F.silu(self.embed_class(classes) + self.embed_latents(latents))
        x = self.start(latents).unflatten(1, (-1, COARSEST, COARSEST))
        for level in self.levels[:-1]:
            x = F.interpolate(level(x, condition), scale_factor=2, mode="nearest")
        x = x + self.read_draft(F.pixel_unshuffle(draft, self.patch_size))
        x = self.levels[-1](x, condition)
        patches = self.head(F.silu(self.norm(x)))
        return F.pixel_shuffle(patches.float(), self.patch_size)


class LatentLevel(nn.Module):
    """The residual blocks of one resolution."""

    def __init__(self, in_channels: int, out_channels: int, config: Config) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ConditionalResidualBlock(out_channels if i else in_channels, out_channels, config.width)
            for i in range(config.num_blocks)
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h, w) under (b, width)."""
        for block in self.blocks:
            x = block(x, condition)
        return x
