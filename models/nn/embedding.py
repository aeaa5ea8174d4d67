"""Vectors for what an image is conditioned on: the noise level and the classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def sinusoidal_embedding(time: Tensor, size: int, max_frequency: float = 1000.0) -> Tensor:
    """Describe times in [0, 1] by cosines and sines of geometrically spaced frequencies.

    Args:
        time: (b,).
        size: Length of each vector; even.
        max_frequency: The highest angular frequency; the lowest is 1.

    Returns:
        (b, size), float32.

    Reference: Vaswani et al. 2017, section 3.5 (arXiv:1706.03762).
    """
    steps = torch.linspace(0, 1, size // 2, device=time.device)
    phases = time.float()[:, None] * torch.exp(steps * math.log(max_frequency))
    return torch.cat([phases.cos(), phases.sin()], dim=1)


def of_classes(table: Tensor, classes: Tensor) -> Tensor:
    """Read what a table says of classes, or of mixtures of them.

    Args:
        table: (num_classes, ...).
        classes: Labels, (b,), int64; or what each class weighs, (b, num_classes), float. The
            mixture that is one class alone reads the same as its label, bit for bit.

    Returns:
        (b, ...).
    """
    if not classes.is_floating_point():
        return table[classes]
    with torch.autocast(table.device.type, enabled=False):
        mixed: Tensor = torch.tensordot(classes.to(table.dtype), table, dims=1)
    return mixed


class ClassEmbedding(nn.Embedding):
    """A learnt vector for each class, and for mixtures of classes the vectors mixed alike."""

    def forward(self, classes: Tensor) -> Tensor:
        """Map classes as `of_classes` takes them to vectors (b, embedding_dim)."""
        return of_classes(self.weight, classes)


class TimeAndClassEmbedding(nn.Module):
    """Embed the time, the class or no class, and any changes of augmentation, in one vector.

    Label `num_classes` stands for "no class", which classifier-free guidance needs.
    """

    def __init__(self, num_classes: int, size: int, num_changes: int = 0) -> None:
        super().__init__()
        self.size = size
        self.classes = ClassEmbedding(num_classes + 1, size)
        self.hidden = nn.Linear(size, size)
        self.out = nn.Linear(size, size)
        self.changes = nn.Linear(num_changes, size, bias=False) if num_changes else None

    def forward(self, time: Tensor, classes: Tensor, changes: Tensor | None = None) -> Tensor:
        """Map times (b,), classes, as `of_classes` takes them, and changes to vectors (b, size)."""
        time_vector = F.silu(self.hidden(sinusoidal_embedding(time, self.size)))
        vector = self.out(time_vector) + self.classes(classes)
        if self.changes is not None and changes is not None:
            vector = vector + self.changes(changes)
        return F.silu(vector)
