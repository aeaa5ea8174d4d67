"""Classifier-free guidance: push samples towards their class."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.diffusion.flow import Velocity

# the velocity at noisy images (b, c, h, w), times (b,) and classes: labels (b,) or mixtures (b, k)
LabelledVelocity = Callable[[Tensor, Tensor, Tensor], Tensor]


def drop_labels(labels: Tensor, probability: float, no_class: int) -> Tensor:
    """Replace each label by `no_class` with a probability, from torch's global source.

    Reference: Ho & Salimans 2022, algorithm 1, line 3 (arXiv:2207.12598).
    """
    dropped = torch.rand(len(labels), device=labels.device) < probability
    return labels.masked_fill(dropped, no_class)


def guided(
    velocity: LabelledVelocity, classes: Tensor, guidance: float, no_class: Tensor
) -> Velocity:
    """Extrapolate from the velocity without a class through the one with it.

    Args:
        velocity: A model trained with some labels dropped.
        classes: What to draw: labels (b,) or mixtures (b, k).
        guidance: 1 follows the class alone; more exaggerates what sets the class apart.
        no_class: Shaped as `classes`, what stands for "no class".

    Reference: Ho & Salimans 2022, eq. 6, with w = guidance - 1 (arXiv:2207.12598).
    """

    def conditional(x: Tensor, t: Tensor) -> Tensor:
        return velocity(x, t.expand(len(x)), classes)

    def extrapolated(x: Tensor, t: Tensor) -> Tensor:
        both = torch.cat([classes, no_class])
        v = velocity(torch.cat([x, x]), t.expand(2 * len(x)), both)
        with_class, without_class = v.chunk(2)
        return without_class + guidance * (with_class - without_class)

    return conditional if guidance == 1 else extrapolated
