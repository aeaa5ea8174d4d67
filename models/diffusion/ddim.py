"""DDIM: Euler's method in sigma / alpha, one question to the denoiser a step, order 1."""

from __future__ import annotations

from torch import Tensor

from models.diffusion.descent import Descent, noise_of


def ddim(descent: Descent, x: Tensor) -> Tensor:
    """Keep the noise and the image that x is made of, and mix them anew.

    Reference: Song et al. 2021, eq. 12 with sigma_t = 0 (arXiv:2010.02502).
    """
    for level, following in descent.steps:
        D = descent.denoise(x, level)
        x = following.alpha * D + following.sigma * noise_of(x, D, level)
    return x
