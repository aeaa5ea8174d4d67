"""DPM-Solver++(2M): one velocity a step, order 2 by remembering the step before."""

from __future__ import annotations

import torch
from torch import Tensor

from models.diffusion.flow import Velocity


def dpm_solver(velocity: Velocity, x: Tensor, times: Tensor) -> Tensor:
    """Follow a velocity from noise x at times[0] to times[-1].

    The denoised image D is extrapolated along lambda = log((1 - t) / t), half the logarithm of the
    signal-to-noise ratio. On the straight path alpha_t = 1 - t and sigma_t = t, so that e^-h and
    the update of algorithm 2 become sigma_next / sigma x + (1 - sigma_next / sigma) D.

    Reference: Lu et al. 2022, algorithm 2 (arXiv:2211.01095).
    """
    h = ((1 - times) / times).log().diff()
    # h is infinite in the first step and the last: neither has anything to extrapolate along
    one_over_2r = (h[1:] / (2 * h[:-1])).nan_to_num(nan=0, posinf=0)
    one_over_2r = torch.cat([torch.zeros_like(h[:1]), one_over_2r])
    D_before = x
    for t, t_next, c in zip(times[:-1], times[1:], one_over_2r, strict=True):
        D = x - t * velocity(x, t)
        x = torch.lerp(D + c * (D - D_before), x, t_next / t)
        D_before = D
    return x
