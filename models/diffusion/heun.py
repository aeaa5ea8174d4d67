"""Heun's method: two questions to the denoiser a step, order 2."""

from __future__ import annotations

from torch import Tensor

from models.diffusion.descent import Descent, slope


def heun(descent: Descent, x: Tensor) -> Tensor:
    """Follow the mean of the derivatives at both ends of a step; a step to no noise ends at D.

    Reference: Karras et al. 2022, algorithm 1 (arXiv:2206.00364).
    """
    for level, following in descent.steps:
        D = descent.denoise(x, level)
        if following.sigma == 0:
            return D
        h = following.t - level.t
        d = slope(x, D, level)
        euler = x + h * d
        d_following = slope(euler, descent.denoise(euler, following), following)
        x = x + h * (d + d_following) / 2
    return x
