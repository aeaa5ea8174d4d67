"""Euler's method: one question to the denoiser a step, order 1."""

from __future__ import annotations

from torch import Tensor

from models.diffusion.descent import Descent, slope


def euler(descent: Descent, x: Tensor) -> Tensor:
    """Follow the path's derivative in time; a step to no noise ends at D.

    Reference: Karras et al. 2022, algorithm 1 without lines 6-8 (arXiv:2206.00364).
    """
    for level, following in descent.steps:
        D = descent.denoise(x, level)
        step = (following.t - level.t) * slope(x, D, level)
        x = D if following.sigma == 0 else x + step
    return x
