"""The generator and the discriminator: residual networks without normalisation.

Both see films as whitened patches, `models.nn.patch_whitening`, so that every convolution runs at a
low resolution. Residual branches end in a convolution that starts at zero, which takes the place of
normalisation (Zhang et al. 2019, arXiv:1901.09321; Huang et al. 2024, section 3.2,
arXiv:2501.05441).
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.families.gan.config import Config
from models.family import ImageSpec
from models.nn.embedding import ClassEmbedding
from models.nn.pyramid import COARSEST, pyramid
from models.nn.residual import skip_path, zero_conv

SLOPE = 0.2  # of the leaky rectifiers

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def keeping_variance(layer: Layer, slope: float = 1.0) -> Layer:
    """Start a layer so that its outputs vary as much as its inputs did before rectification.

    Reference: He et al. 2015, eq. 15 (arXiv:1502.01852).
    """
    nn.init.kaiming_normal_(layer.weight, slope)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class Residual(nn.Module):
    """A residual block, modulated between its convolutions where there is a style."""

    def __init__(self, in_channels: int, out_channels: int, style_size: int = 0) -> None:
        super().__init__()
        self.conv1 = keeping_variance(nn.Conv2d(in_channels, out_channels, 3, padding=1), SLOPE)
        self.style = nn.Linear(style_size, 2 * out_channels) if style_size else None
        self.conv2 = zero_conv(out_channels, out_channels)
        self.skip = skip_path(in_channels, out_channels)
        if isinstance(self.skip, nn.Conv2d):
            keeping_variance(self.skip)

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h, w) under styles (b, style_size)."""
        h = self.conv1(F.leaky_relu(x, SLOPE))
        if self.style is not None:
            scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
            h = torch.addcmul(shift, h, 1 + scale)
        h = self.conv2(F.leaky_relu(h, SLOPE))
        return self.skip(x) + h  # type: ignore[no-any-return]


class Generator(nn.Module):
    """From latents, a class and the patches of a first draft to corrections of the draft.

    There are none before training.
    """

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        levels = pyramid(spec.size // config.patch_size, config.generator_width)
        channels = [channels for _, channels in reversed(levels)]
        self.classes = ClassEmbedding(spec.num_classes, config.num_latents)
        self.style = nn.Linear(2 * config.num_latents, 2 * config.num_latents)
        self.start = nn.Linear(2 * config.num_latents, channels[0] * COARSEST**2)
        self.levels = nn.ModuleList(
            Residual(here, after, 2 * config.num_latents)
            for here, after in zip(channels, [*channels[1:], channels[-1]], strict=True)
        )
        self.read_draft = keeping_variance(
            nn.Conv2d(config.patch_size**2, channels[-1], 3, padding=1)
        )
        self.to_patches = zero_conv(channels[-1], config.patch_size**2)

    def forward(self, latents: Tensor, classes: Tensor, draft: Tensor) -> Tensor:
        """Return what to add to the draft's patches, (b, p^2, h / p, w / p)."""
        seed = torch.cat([latents, self.classes(classes)], dim=1)
        style = F.leaky_relu(self.style(seed), SLOPE)
        x = self.start(seed).unflatten(1, (-1, COARSEST, COARSEST))
        for block in self.levels[:-1]:
            x = F.interpolate(block(x, style), scale_factor=2, mode="nearest")
        x = x + self.read_draft(draft)
        x = self.levels[-1](x, style)
        corrections: Tensor = self.to_patches(F.leaky_relu(x, SLOPE))
        return corrections


class Discriminator(nn.Module):
    """From a film's patches and its label to how real it looks.

    Reference: Miyato & Koyama 2018, eq. 3, for the projection (arXiv:1802.05637).
    """

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        levels = pyramid(spec.size // config.patch_size, config.discriminator_width)
        channels = [channels for _, channels in levels]
        self.from_patches = keeping_variance(
            nn.Conv2d(config.patch_size**2, channels[0], 3, padding=1)
        )
        self.levels = nn.ModuleList(
            Residual(before, after)
            for before, after in zip([channels[0], *channels], channels, strict=False)
        )
        self.to_features = keeping_variance(
            nn.Linear(channels[-1] * COARSEST**2, channels[-1]), SLOPE
        )
        self.realism = keeping_variance(nn.Linear(channels[-1], 1), SLOPE)
        self.classes = nn.Embedding(spec.num_classes, channels[-1])

    def forward(self, patches: Tensor, labels: Tensor) -> Tensor:
        """Map (b, p^2, h / p, w / p) and (b,) to logits (b,), float32."""
        x = self.from_patches(patches)
        for i, block in enumerate(self.levels):
            if i > 0:
                x = F.avg_pool2d(x, 2)
            x = block(x)
        features = F.leaky_relu(self.to_features(F.leaky_relu(x, SLOPE).flatten(1)), SLOPE).float()
        projected = (features * self.classes(labels)).sum(1) / features.shape[1] ** 0.5
        logits: Tensor = self.realism(features).float().squeeze(1) + projected
        return logits
