"""Heun's method: two velocities a step, order 2."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from models.diffusion.flow import Velocity


def heun(velocity: Velocity, x: Tensor, times: Tensor) -> Tensor:
    """Follow a velocity from noise x at times[0] to times[-1].

    The last step is Euler's, since few training times lie near 0; this keeps order 2.

    Reference: Karras et al. 2022, algorithm 1 (arXiv:2206.00364).
    """
    steps = list(pairwise(times.unbind()))
    for t, t_next in steps[:-1]:
        d = velocity(x, t)
        d_next = velocity(x + (t_next - t) * d, t_next)
        x = x + (t_next - t) * (d + d_next) / 2
    t, t_next = steps[-1]
    return x + (t_next - t) * velocity(x, t)
