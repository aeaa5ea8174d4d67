"""The straight path from an image to noise, and what a model of its velocity is trained on.

Time t runs from 0, the image x, to 1, the noise n, as in Liu et al. 2023 (arXiv:2209.03003) read
from its end.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# the velocity at noisy images (b, c, h, w) and one time, a tensor of no dimension
Velocity = Callable[[Tensor, Tensor], Tensor]


def along_path(x: Tensor, n: Tensor, t: Tensor) -> Tensor:
    """Give the noisy images x_t = (1 - t) x + t n at times (b,)."""
    t = t.view(-1, 1, 1, 1)
    return (1 - t) * x + t * n


def path_velocity(x: Tensor, n: Tensor) -> Tensor:
    """Give the velocity d x_t / dt = n - x, the same at all times."""
    return n - x


def logit_normal_times(num_times: int, mean: float, std: float, device: torch.device) -> Tensor:
    """Draw training times whose logit is normal, from torch's global source.

    Reference: Esser et al. 2024, eq. 19 (arXiv:2403.03206).
    """
    return torch.sigmoid(mean + std * torch.randn(num_times, device=device))


def sampling_times(num_steps: int, device: torch.device) -> Tensor:
    """Space the times of a sampler evenly from 1 to 0, (num_steps + 1,)."""
    return torch.linspace(1, 0, num_steps + 1, device=device)
