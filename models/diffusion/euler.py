"""Euler's method: one velocity a step, order 1."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from models.diffusion.flow import Velocity


def euler(velocity: Velocity, x: Tensor, times: Tensor) -> Tensor:
    """Follow a velocity from noise x at times[0] to times[-1].

    Reference: Karras et al. 2022, algorithm 1 without lines 6-8 (arXiv:2206.00364).
    """
    for t, t_next in pairwise(times.unbind()):
        x = x + (t_next - t) * velocity(x, t)
    return x
