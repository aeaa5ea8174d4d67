"""The paths from an image x to noise n: x_t = alpha(t) x + sigma(t) n.

Time runs from 0, where alpha is 1 and sigma is 0, to the path's end.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor


@dataclass(frozen=True)
class Level:
    """A place on a path.

    In training each is (b, 1, 1, 1), one place per image. In sampling each has no dimension and
    lies on the CPU, so that no arithmetic with it waits for another device.

    Attributes:
        t: Time.
        alpha: How much of the image is left.
        sigma: Standard deviation of the noise.
        alpha_slope: d alpha / dt.
        sigma_slope: d sigma / dt.
    """

    t: Tensor
    alpha: Tensor
    sigma: Tensor
    alpha_slope: Tensor
    sigma_slope: Tensor

    @property
    def noise_share(self) -> Tensor:
        """Sigma / (alpha + sigma): 0 at the image, 1 where nothing but noise is left."""
        return self.sigma / (self.alpha + self.sigma)


def beside(number: Tensor, x: Tensor) -> Tensor:
    """Put a number of a level where images are, in their format.

    One of no dimension is handed over as an argument: copied, it would make a GPU's work wait, and
    a recording of it impossible (`models.graph_capture`).
    """
    if number.dim() or number.device == x.device:
        return number.to(x)
    return torch.full((), float(number), dtype=x.dtype, device=x.device)


def along_path(x: Tensor, n: Tensor, level: Level) -> Tensor:
    """Give the noisy images x_t = alpha x + sigma n."""
    return level.alpha * x + level.sigma * n


def noise_of(x: Tensor, D: Tensor, level: Level) -> Tensor:
    """Solve x = alpha D + sigma n for n."""
    return (x - level.alpha * D) / level.sigma


def slope(x: Tensor, D: Tensor, level: Level) -> Tensor:
    """Give dx/dt = alpha' D + sigma' n of the path through x.

    Reference: Karras et al. 2022, eq. 4 (arXiv:2206.00364), in terms of alpha = s, sigma = s sigma.
    """
    return level.alpha_slope * D + level.sigma_slope * noise_of(x, D, level)


class Path(ABC):
    """A pair of functions alpha(t) and sigma(t), and the times that go with them."""

    end: float = 1.0

    @abstractmethod
    def level(self, t: Tensor) -> Level:
        """Describe the places at some times."""

    def training_times(self, u: Tensor) -> Tensor:
        """Stretch draws from (0, 1) over the path."""
        return u * self.end

    def sampling_times(self, num_steps: int) -> Tensor:
        """Space the times of a sampler from the end to 0, (num_steps + 1,)."""
        return torch.linspace(self.end, 0, num_steps + 1, dtype=torch.float64)

    def levels(self, num_steps: int) -> Sequence[Level]:
        """Describe the places a sampler visits, the noisiest first."""
        return [self.level(t) for t in self.sampling_times(num_steps)]


@final
class RectifiedFlow(Path):
    """The straight line from image to noise: x_t = (1 - t) x + t n.

    Reference: Lipman et al. 2023, eq. 20 with sigma_min = 0 and time reversed (arXiv:2210.02747).
    """

    def level(self, t: Tensor) -> Level:
        """Describe the places at some times."""
        one = torch.ones_like(t)
        return Level(t, 1 - t, t, -one, one)


@final
class Linear(Path):
    """DDPM's path, whose noise rate beta grows linearly: 1e-4 to 0.02 over 1000 steps.

    alpha(t) = exp(-1/2 integral of beta from 0 to t), in the limit of many steps.

    References:
        Ho et al. 2020, section 4 (arXiv:2006.11239) for the rates.
        Song et al. 2021, eqs. 32 and 33 (arXiv:2011.13456) for the limit.
    """

    beta_min = 1000 * 1e-4
    beta_max = 1000 * 0.02

    def level(self, t: Tensor) -> Level:
        """Describe the places at some times."""
        beta = self.beta_min + t * (self.beta_max - self.beta_min)
        integral = t * (self.beta_min + beta) / 2
        alpha = torch.exp(-integral / 2)
        sigma = torch.sqrt(-torch.expm1(-integral))
        return _variance_preserving(t, alpha, sigma, -alpha * beta / 2)


@final
class Cosine(Path):
    """The path whose signal falls along a cosine: alpha^2(t) = f(t) / f(0).

    f(t) = cos^2((t + s) / (1 + s) pi / 2). It ends at the last but one of its 1000 steps, since
    the last would leave nothing of the image.

    Reference: Nichol & Dhariwal 2021, eq. 17 (arXiv:2102.09672).
    """

    s = 0.008
    end = 0.999

    def level(self, t: Tensor) -> Level:
        """Describe the places at some times."""
        rate = math.pi / 2 / (1 + self.s)
        start = rate * self.s
        alpha = torch.cos(rate * t + start) / math.cos(start)
        # 1 - alpha^2, written so that no digits cancel near t = 0
        sigma = torch.sqrt(torch.sin(rate * t) * torch.sin(rate * t + 2 * start)) / math.cos(start)
        return _variance_preserving(
            t, alpha, sigma, -rate * torch.sin(rate * t + start) / math.cos(start)
        )


@final
class VarianceExploding(Path):
    """The path that keeps the image and adds noise, its time being sigma: x_t = x + t n.

    Reference: Karras et al. 2022, Table 1, last column (arXiv:2206.00364).
    """

    sigma_min, sigma_max = 0.002, 80.0
    end = sigma_max
    rho = 7

    def level(self, t: Tensor) -> Level:
        """Describe the places at some times."""
        one = torch.ones_like(t)
        return Level(t, one, t, torch.zeros_like(t), one)

    def training_times(self, u: Tensor) -> Tensor:
        """Give sigma = u / (1 - u): ln sigma is normal where the logit of u is."""
        return (u / (1 - u)).clamp(self.sigma_min, self.sigma_max)

    def sampling_times(self, num_steps: int) -> Tensor:
        """Space the times by eq. 5, then 0."""
        first, last = self.sigma_max ** (1 / self.rho), self.sigma_min ** (1 / self.rho)
        times = torch.linspace(first, last, num_steps, dtype=torch.float64) ** self.rho
        return torch.cat([times, times.new_zeros(1)])


def logit_normal_times(num_times: int, mean: float, std: float, device: torch.device) -> Tensor:
    """Draw numbers whose logit is normal, from torch's global source.

    Reference: Esser et al. 2024, eq. 19 (arXiv:2403.03206).
    """
    return torch.sigmoid(mean + std * torch.randn(num_times, device=device))


def uniform_times(num_times: int, device: torch.device) -> Tensor:
    """Draw numbers spread evenly, from torch's global source; never 0 or 1.

    Reference: Ho et al. 2020, algorithm 1, line 3 (arXiv:2006.11239).
    """
    return torch.rand(num_times, device=device).clamp(1e-5, 1 - 1e-5)


def _variance_preserving(t: Tensor, alpha: Tensor, sigma: Tensor, alpha_slope: Tensor) -> Level:
    """Complete a path by alpha^2 + sigma^2 = 1, whose derivative gives sigma's slope."""
    return Level(t, alpha, sigma, alpha_slope, -alpha * alpha_slope / sigma)


PATHS: dict[str, Path] = {
    "straight": RectifiedFlow(),
    "linear": Linear(),
    "cosine": Cosine(),
    "edm": VarianceExploding(),
}
