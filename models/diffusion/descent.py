"""What a sampler is given: a denoiser, and the levels on the way from noise to an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from models.diffusion.denoiser import Denoiser
from models.diffusion.paths import Level


@dataclass(frozen=True)
class Known:
    """What is known of the data without a network, in closed form.

    Attributes:
        denoise: The denoiser of normal data.
        flow: From images at one level to where its probability flow leads them at another.
    """

    denoise: Denoiser
    flow: Callable[[Tensor, Level, Level], Tensor]


@dataclass(frozen=True)
class Descent:
    """The way down a path.

    Attributes:
        denoise: Gives D_x, the expected image.
        levels: Where to ask it, the noisiest first; the last is only arrived at.
        fresh_noise: Draws standard normal noise, as many numbers as the images have.
        known: What `exponential` solves exactly.
    """

    denoise: Denoiser
    levels: Sequence[Level]
    fresh_noise: Callable[[], Tensor]
    known: Known | None = None

    @property
    def steps(self) -> Sequence[tuple[Level, Level]]:
        """The level each step leaves and the one it arrives at."""
        return list(pairwise(self.levels))


def noise_of(x: Tensor, D: Tensor, level: Level) -> Tensor:
    """Solve x = alpha D + sigma n for n."""
    return (x - level.alpha * D) / level.sigma


def slope(x: Tensor, D: Tensor, level: Level) -> Tensor:
    """Give dx/dt = alpha' D + sigma' n of the path through x.

    Reference: Karras et al. 2022, eq. 4 (arXiv:2206.00364), in terms of alpha = s, sigma = s sigma.
    """
    return level.alpha_slope * D + level.sigma_slope * noise_of(x, D, level)
