"""What a network is trained to predict on a path, and the way back to the denoised image D_x.

With F_x for the network's answer, F_x = target(x, n) implies denoised(F_x, x_t) = x.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

from torch import Tensor

from models.diffusion.paths import Level

SIGMA_DATA = 1.0  # images and latents are normalised over the training set


class Prediction(ABC):
    """A training target and its inverse."""

    @abstractmethod
    def target(self, x: Tensor, n: Tensor, level: Level) -> Tensor:
        """Give what the network is to answer to x_t = alpha x + sigma n."""

    @abstractmethod
    def denoised(self, F_x: Tensor, x_t: Tensor, level: Level) -> Tensor:
        """Give the denoised image D_x that an answer means."""

    def c_in(self, level: Level) -> Tensor | float:  # noqa: ARG002
        """Give the scale of the network's input."""
        return 1.0

    def c_noise(self, level: Level) -> Tensor:
        """Give the network's input for the time."""
        return level.t


@final
class Velocity(Prediction):
    """The derivative of the straight path, d x_t / dt = n - x.

    Reference: Liu et al. 2023, eq. 1, with time reversed (arXiv:2209.03003).
    """

    def target(self, x: Tensor, n: Tensor, level: Level) -> Tensor:
        """Give alpha' x + sigma' n."""
        return level.alpha_slope * x + level.sigma_slope * n

    def denoised(self, F_x: Tensor, x_t: Tensor, level: Level) -> Tensor:
        """Solve for x: x_t - t (n - x) = x."""
        return x_t - level.t * F_x


@final
class Epsilon(Prediction):
    """The noise.

    Reference: Ho et al. 2020, eq. 14 (arXiv:2006.11239).
    """

    def target(self, x: Tensor, n: Tensor, level: Level) -> Tensor:  # noqa: ARG002
        """Give n."""
        return n

    def denoised(self, F_x: Tensor, x_t: Tensor, level: Level) -> Tensor:
        """Solve x_t = alpha x + sigma n for x."""
        return (x_t - level.sigma * F_x) / level.alpha


@final
class Image(Prediction):
    """The image itself.

    Reference: Ho et al. 2020, section 3.2 (arXiv:2006.11239).
    """

    def target(self, x: Tensor, n: Tensor, level: Level) -> Tensor:  # noqa: ARG002
        """Give x."""
        return x

    def denoised(self, F_x: Tensor, x_t: Tensor, level: Level) -> Tensor:  # noqa: ARG002
        """Take the answer as it is."""
        return F_x


@final
class V(Prediction):
    """The noise less the image, each weighted by the other's coefficient.

    Reference: Salimans & Ho 2022, section 4 (arXiv:2202.00512).
    """

    def target(self, x: Tensor, n: Tensor, level: Level) -> Tensor:
        """Give alpha n - sigma x."""
        return level.alpha * n - level.sigma * x

    def denoised(self, F_x: Tensor, x_t: Tensor, level: Level) -> Tensor:
        """Solve for x: alpha x_t - sigma v = (alpha^2 + sigma^2) x."""
        return (level.alpha * x_t - level.sigma * F_x) / (level.alpha**2 + level.sigma**2)


@final
class Preconditioned(Prediction):
    """What is left of the image when c_skip x_t is taken away, at unit variance.

    Its squared error is that of D_x weighted by 1 / c_out^2, eq. 8.

    Reference: Karras et al. 2022, Table 1, last column (arXiv:2206.00364).
    """

    def target(self, x: Tensor, n: Tensor, level: Level) -> Tensor:
        """Solve D_x = c_skip x_t + c_out F_x for F_x at D_x = x."""
        return (x - self._c_skip(level) * (x + level.sigma * n)) / self._c_out(level)

    def denoised(self, F_x: Tensor, x_t: Tensor, level: Level) -> Tensor:
        """Give D_x = c_skip x_t + c_out F_x, eq. 7."""
        return self._c_skip(level) * x_t + self._c_out(level) * F_x

    def c_in(self, level: Level) -> Tensor:
        """Give 1 / sqrt(sigma^2 + sigma_data^2)."""
        return self._variance(level).rsqrt()

    def c_noise(self, level: Level) -> Tensor:
        """Give ln(sigma) / 4."""
        return level.sigma.log() / 4

    def _c_skip(self, level: Level) -> Tensor:
        return SIGMA_DATA**2 / self._variance(level)

    def _c_out(self, level: Level) -> Tensor:
        return level.sigma * SIGMA_DATA * self._variance(level).rsqrt()

    def _variance(self, level: Level) -> Tensor:
        return level.sigma**2 + SIGMA_DATA**2


PREDICTIONS: dict[str, Prediction] = {
    "velocity": Velocity(),
    "epsilon": Epsilon(),
    "x0": Image(),
    "v": V(),
    "preconditioned": Preconditioned(),
}
