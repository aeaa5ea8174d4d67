"""DPM-Solver++(2M): one question to the denoiser a step, order 2 by remembering the last answer."""

from __future__ import annotations

import torch
from torch import Tensor

from models.diffusion.descent import Descent


def dpm_solver(descent: Descent, x: Tensor) -> Tensor:
    """Extrapolate D along lambda = ln(alpha / sigma), half the log of the signal-to-noise ratio.

    Reference: Lu et al. 2022, algorithm 2 (arXiv:2211.01095).
    """
    lambdas = torch.stack([(level.alpha / level.sigma).log() for level in descent.levels])
    h = lambdas.diff()
    # h may be infinite in the first step and the last: neither has anything to extrapolate along
    one_over_2r = (h[1:] / (2 * h[:-1])).nan_to_num(nan=0, posinf=0)
    one_over_2r = torch.cat([torch.zeros_like(h[:1]), one_over_2r])
    D_before = x
    for (level, following), c in zip(descent.steps, one_over_2r, strict=True):
        D = descent.denoise(x, level)
        kept = following.sigma / level.sigma  # e^-h alpha / alpha_following
        x = kept * x + (following.alpha - kept * level.alpha) * (D + c * (D - D_before))
        D_before = D
    return x
