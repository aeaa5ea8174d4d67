"""Samplers: from noise to images along a path, by asking the denoiser at decreasing noise levels.

Each takes a `SamplingTrajectory` and noisy images (b, c, h, w) at its first level, and returns the
images at its last. Orders are those of the error in the step size; `tests/numerics` measures them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from models.diffusion.denoiser import Denoiser
from models.diffusion.paths import Level, noise_of, slope


@dataclass(frozen=True)
class GaussianReference:
    """The solution for normal data, in closed form.

    Attributes:
        denoise: The denoiser of normal data.
        flow: Moves images from one level to another along its probability flow.
    """

    denoise: Denoiser
    flow: Callable[[Tensor, Level, Level], Tensor]


@dataclass(frozen=True)
class SamplingTrajectory:
    """Inputs of a sampler: a denoiser and decreasing noise levels.

    Attributes:
        denoise: Gives D_x, the expected image.
        levels: Where to ask it, the noisiest first; the last is only arrived at.
        fresh_noise: Draws standard normal noise, as many numbers as the images have.
        reference: What `exponential` solves exactly.
    """

    denoise: Denoiser
    levels: Sequence[Level]
    fresh_noise: Callable[[], Tensor]
    reference: GaussianReference | None = None

    @property
    def steps(self) -> Sequence[tuple[Level, Level]]:
        """The level each step leaves and the one it arrives at."""
        return list(pairwise(self.levels))


def euler(trajectory: SamplingTrajectory, x: Tensor) -> Tensor:
    """Euler's method: order 1, one call of the denoiser a step; a step to no noise ends at D.

    Reference: Karras et al. 2022, algorithm 1 without lines 6-8 (arXiv:2206.00364).
    """
    for level, next_level in trajectory.steps:
        D = trajectory.denoise(x, level)
        step = (next_level.t - level.t) * slope(x, D, level)
        x = D if next_level.sigma == 0 else x + step
    return x


def heun(trajectory: SamplingTrajectory, x: Tensor) -> Tensor:
    """Heun's method: order 2, two calls of the denoiser a step; a step to no noise ends at D.

    Reference: Karras et al. 2022, algorithm 1 (arXiv:2206.00364).
    """
    for level, next_level in trajectory.steps:
        D = trajectory.denoise(x, level)
        if next_level.sigma == 0:
            return D
        h = next_level.t - level.t
        d = slope(x, D, level)
        x_euler = x + h * d
        d_next = slope(x_euler, trajectory.denoise(x_euler, next_level), next_level)
        x = x + h * (d + d_next) / 2
    return x


def ddim(trajectory: SamplingTrajectory, x: Tensor) -> Tensor:
    """DDIM: Euler's method in sigma / alpha. Order 1, one call of the denoiser a step.

    Reference: Song et al. 2021, eq. 12 with sigma_t = 0 (arXiv:2010.02502).
    """
    for level, next_level in trajectory.steps:
        D = trajectory.denoise(x, level)
        x = next_level.alpha * D + next_level.sigma * noise_of(x, D, level)
    return x


def dpm_solver(trajectory: SamplingTrajectory, x: Tensor) -> Tensor:
    """DPM-Solver++(2M): order 2 with one call of the denoiser a step, by reuse of the last D.

    Extrapolates D along lambda = ln(alpha / sigma), half the log of the signal-to-noise ratio.

    Reference: Lu et al. 2022, algorithm 2 (arXiv:2211.01095).
    """
    lambdas = torch.stack([(level.alpha / level.sigma).log() for level in trajectory.levels])
    h = lambdas.diff()
    # h may be infinite in the first step and the last: neither has anything to extrapolate along
    one_over_2r = (h[1:] / (2 * h[:-1])).nan_to_num(nan=0, posinf=0)
    one_over_2r = torch.cat([torch.zeros_like(h[:1]), one_over_2r])
    D_before = x
    for (level, next_level), c in zip(trajectory.steps, one_over_2r, strict=True):
        D = trajectory.denoise(x, level)
        kept = next_level.sigma / level.sigma  # e^-h alpha / alpha_next
        x = kept * x + (next_level.alpha - kept * level.alpha) * (D + c * (D - D_before))
        D_before = D
    return x


def exponential(trajectory: SamplingTrajectory, x: Tensor) -> Tensor:
    """Exponential integrator: the Gaussian part of the data exactly, the rest by DDIM. Order 1.

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
    assert trajectory.reference is not None, "needs the Gaussian reference"
    for level, next_level in trajectory.steps:
        missed = trajectory.denoise(x, level) - trajectory.reference.denoise(x, level)
        weight = next_level.alpha - level.alpha * next_level.sigma / level.sigma
        x = trajectory.reference.flow(x, level, next_level) + weight * missed
    return x


def ancestral(trajectory: SamplingTrajectory, x: Tensor) -> Tensor:
    """Ancestral sampling: draw x_s from q(x_s | x_t, D), with fresh noise in every step.

    The coefficients are DDPM's, written for any alpha and sigma, also where alpha is 0.

    References:
        Ho et al. 2020, eqs. 6 and 7 (arXiv:2006.11239).
        Kingma et al. 2021, eqs. 25 and 26 (arXiv:2107.00630).
    """
    for t, s in trajectory.steps:
        D = trajectory.denoise(x, t)
        alpha_ts = t.alpha / s.alpha
        variance_ts = t.sigma**2 - alpha_ts**2 * s.sigma**2
        of_x = alpha_ts * s.sigma**2 / t.sigma**2
        of_D = s.alpha * variance_ts / t.sigma**2
        std = (variance_ts * s.sigma**2 / t.sigma**2).sqrt()
        x = of_x * x + of_D * D
        if s.sigma > 0:
            x = x + std * trajectory.fresh_noise()
    return x


def consistency(trajectory: SamplingTrajectory, x: Tensor) -> Tensor:
    """Multistep consistency sampling: jump to an image, add noise of the next level, jump again.

    Reference: Song et al. 2023, algorithm 1 (arXiv:2303.01469).
    """
    for level, next_level in trajectory.steps:
        D = trajectory.denoise(x, level)
        if next_level.sigma == 0:
            return D
        x = next_level.alpha * D + next_level.sigma * trajectory.fresh_noise()
    return x


# a name here is also one of the literals of `Sampler.name` in models/families/ldm/config.py
SAMPLERS: dict[str, Callable[[SamplingTrajectory, Tensor], Tensor]] = {
    "euler": euler,
    "heun": heun,
    "dpm_solver": dpm_solver,
    "ddim": ddim,
    "exponential": exponential,
    "ancestral": ancestral,
    "fast": consistency,
}
