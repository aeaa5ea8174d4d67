"""An exponential integrator: what is normal in the data exactly, the rest by DDIM; order 1."""

from __future__ import annotations

from torch import Tensor

from models.diffusion.descent import Descent


def exponential(descent: Descent, x: Tensor) -> Tensor:
    """Solve what is known of the data in closed form, and step over the rest.

    Of D = D_normal + (D - D_normal) the first part's flow is known, `GaussianDenoiser.flow`; the
    second is held still during the step and weighed as DDIM weighs D. So this is DDIM without the
    error it makes of normal data, which comes out with its own variance in any number of steps,
    where DDIM's few large ones leave too little of it. (An exponential integrator proper would
    carry the second part along the first one's flow too, which grows without bound as sigma
    vanishes.)

    References:
        Hochbruck & Ostermann 2010, section 2.1, for solving the stiff part exactly
        (doi:10.1017/S0962492910000048).
        Wang & Vastola 2024, section 5 (arXiv:2412.09726), who leap over the beginning of the path
        by the same solution.
    """
    assert descent.known is not None, "there is nothing to solve"
    for level, following in descent.steps:
        missed = descent.denoise(x, level) - descent.known.denoise(x, level)
        weight = following.alpha - level.alpha * following.sigma / level.sigma
        x = descent.known.flow(x, level, following) + weight * missed
    return x
