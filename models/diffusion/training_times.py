"""How training times are spread; drawn from (0, 1), for a path to stretch over its length."""

from __future__ import annotations

import torch
from torch import Tensor


def logit_normal(num_times: int, mean: float, std: float, device: torch.device) -> Tensor:
    """Draw numbers whose logit is normal, from torch's global source.

    Reference: Esser et al. 2024, eq. 19 (arXiv:2403.03206).
    """
    return torch.sigmoid(mean + std * torch.randn(num_times, device=device))


def uniform(num_times: int, device: torch.device) -> Tensor:
    """Draw numbers spread evenly, from torch's global source; never 0 or 1.

    Reference: Ho et al. 2020, algorithm 1, line 3 (arXiv:2006.11239).
    """
    return torch.rand(num_times, device=device).clamp(1e-5, 1 - 1e-5)
