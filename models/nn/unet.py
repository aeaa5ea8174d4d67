"""The U-Net that predicts a velocity or a noise from a noisy image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nn.blocks import (
    ConditionalResidualBlock,
    SelfAttention,
    TimeAndClassEmbedding,
    group_norm,
    zero_conv,
)


class UNet(nn.Module):
    """A U-Net under time and class, which starts at zero everywhere.

    Args:
        image_channels: Channels of the input image and of the output image.
        size: Side of that image; each further level halves it.
        channels: Channels at each level, the finest first; multiples of 8.
        num_blocks: Residual blocks at each level on the way down, and as many on the way up.
        max_attention_size: Levels whose side is at most this have attention after every block.
        num_classes: Label `num_classes` stands for "no class".
        dropout: Probability that a feature is left out of a block while training.
        num_changes: Numbers that describe how an image was augmented.

    Reference: Dhariwal & Nichol 2021, section 3 (arXiv:2105.05233).
    """

    def __init__(
        self,
        *,
        image_channels: int,
        size: int,
        channels: Sequence[int],
        num_blocks: int,
        max_attention_size: int,
        num_classes: int,
        dropout: float,
        num_changes: int = 0,
    ) -> None:
        super().__init__()
        condition_size = 4 * channels[0]
        self.embedding = TimeAndClassEmbedding(num_classes, condition_size, num_changes)
        self.stem = nn.Conv2d(image_channels, channels[0], 3, padding=1)

        def block(in_channels: int, depth: int) -> Block:
            attends = size >> depth <= max_attention_size
            return Block(in_channels, channels[depth], condition_size, dropout, attends=attends)

        widths = [channels[0]]  # of what came out of the stem and of each block on the way down
        self.down = nn.ModuleList()
        for depth, width in enumerate(channels):
            for place in range(num_blocks):
                down = block(widths[-1], depth)
                if depth > 0 and place == 0:
                    down.before = nn.AvgPool2d(2)
                self.down.append(down)
                widths.append(width)

        deepest = len(channels) - 1
        self.middle = block(channels[-1], deepest)

        arriving = channels[-1]
        self.up = nn.ModuleList()
        for depth in reversed(range(len(channels))):
            for _ in range(num_blocks + (depth == 0)):
                up = block(arriving + widths.pop(), depth)
                self.up.append(up)
                arriving = channels[depth]
            if depth > 0:
                up.after = nn.Upsample(scale_factor=2)
        self.norm = group_norm(channels[0])
        self.out = zero_conv(channels[0], image_channels)

    def forward(
        self, x: Tensor, time: Tensor, classes: Tensor, changes: Tensor | None = None
    ) -> Tensor:
        """Map noisy images (b, c, h, w) at times (b,) to (b, c, h, w).

        Args:
            x: Noisy images.
            time: How noisy each is.
            classes: Labels (b,), or mixtures (b, num_classes + 1), see `of_classes`.
            changes: How each was augmented, (b, num_changes); None is not at all.
        """
        condition = self.embedding(time, classes, changes)
        h = self.stem(x)
        skips = [h]
        for block in self.down:
            h = block(h, condition)
            skips.append(h)
        h = self.middle(h, condition)
        for block in self.up:
            h = block(torch.cat([h, skips.pop()], dim=1), condition)
        return self.out(F.silu(self.norm(h)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """A residual block, with or without attention, and what changes the size around it."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        condition_size: int,
        dropout: float,
        *,
        attends: bool,
    ) -> None:
        super().__init__()
        self.before: nn.Module = nn.Identity()
        self.residual = ConditionalResidualBlock(in_channels, out_channels, condition_size, dropout)
        self.attention = SelfAttention(out_channels) if attends else nn.Identity()
        self.after: nn.Module = nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h, w), but for a change of size."""
        h = self.residual(self.before(x), condition)
        return self.after(self.attention(h))  # type: ignore[no-any-return]
