"""The velocity of a flow between noise and vectors of a class: a small network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nn.blocks import TimeAndClassEmbedding


class LatentFlow(nn.Module):
    """Residual blocks of two layers, modulated by time and class; zero before training.

    Args:
        size: Length of the vectors.
        num_classes: Number of classes.
        width: Of the hidden layers.
        num_blocks: How many.
        num_changes: What describes how a vector's image was changed; see
            `models.nn.blocks.TimeAndClassEmbedding`.

    Reference: Peebles & Xie 2023, section 3.2, for blocks that begin as nothing (arXiv:2212.09748).
    """

    def __init__(
        self, size: int, num_classes: int, width: int, num_blocks: int, num_changes: int = 0
    ) -> None:
        super().__init__()
        self.embedding = TimeAndClassEmbedding(num_classes, width, num_changes)
        self.first = nn.Linear(size, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(num_blocks))
        self.last = nn.Linear(width, size)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(
        self, x: Tensor, times: Tensor, classes: Tensor, changes: Tensor | None = None
    ) -> Tensor:
        """Give the velocities, (b, size); none at either end of the way, where they are known.

        Args:
            x: Vectors on the way from data to noise, (b, size).
            times: (b,), from 0 at the data to 1 at the noise.
            classes: Labels, (b,), or mixtures, (b, num_classes).
            changes: (b, num_changes); None for vectors of images as they are.
        """
        if classes.is_floating_point():
            classes = F.pad(classes, (0, 1))  # "no class" is the embedding's last
        condition = self.embedding(times, classes, changes)
        h = self.first(x)
        for block in self.blocks:
            h = block(h, condition)
        velocities: Tensor = self.last(h)
        return (4 * times * (1 - times))[:, None] * velocities.float()


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.modulation = nn.Linear(width, 2 * width)
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition).chunk(2, dim=1)
        return h + self.out(F.silu(self.hidden(torch.addcmul(shift, self.norm(h), 1 + scale))))  # type: ignore[no-any-return]
