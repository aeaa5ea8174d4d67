"""Ancestral sampling, as DDPM does it: one question to the denoiser and fresh noise a step."""

from __future__ import annotations

from torch import Tensor

from models.diffusion.descent import Descent


def ancestral(descent: Descent, x: Tensor) -> Tensor:
    """Draw x_s from q(x_s | x_t, D), step by step.

    Its coefficients are DDPM's, written for any alpha and sigma, also where alpha is 0.

    References:
        Ho et al. 2020, eqs. 6 and 7 (arXiv:2006.11239).
        Kingma et al. 2021, eqs. 25 and 26 (arXiv:2107.00630).
    """
    for t, s in descent.steps:
        D = descent.denoise(x, t)
        alpha_ts = t.alpha / s.alpha
        variance_ts = t.sigma**2 - alpha_ts**2 * s.sigma**2
        of_x = alpha_ts * s.sigma**2 / t.sigma**2
        of_D = s.alpha * variance_ts / t.sigma**2
        std = (variance_ts * s.sigma**2 / t.sigma**2).sqrt()
        x = of_x * x + of_D * D
        if s.sigma > 0:
            x = x + std * descent.fresh_noise()
    return x
