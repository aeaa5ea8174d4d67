"""The best linear guess of details, from noisy details and from those of the smaller image.

As if the details x of a place and those y of the smaller image there were normal, with mean 0 and
the covariance C of the training images: of z = A (x, y) + noise of covariance R,

    E[x | z] = C_x A^T (A C A^T + R)^-1 z

A network that corrects it learns what is not linear, as the denoiser of latents does (Wang &
Vastola 2024, arXiv:2412.09726).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.diffusion.paths import Level

_SMALLEST = 1e-6  # variance that is added to every direction


class LinearDetails(nn.Module):
    """The covariance of details with those of the smaller image, and the guess by it.

    Args:
        num_details: Numbers at each place of an image.
        num_small: Numbers there of the smaller image.
    """

    covariance: Tensor

    def __init__(self, num_details: int, num_small: int) -> None:
        super().__init__()
        self._num = num_details
        self.register_buffer("covariance", torch.eye(num_details + num_small))

    def forward(self, x: Tensor, small: Tensor, level: Level, noise: Tensor) -> Tensor:
        """Guess details.

        Args:
            x: (b, details, h, w), at a level of the path.
            small: (b, small, h, w), with noise.
            level: One, or one for each image.
            noise: (b,), standard deviation of the noise in `small`.

        Returns:
            As x.
        """
        z = torch.cat([x, small], dim=1)
        weights = self._weights(len(x), z.shape[1], level, noise).to(z)  # (b, details, all)
        with torch.autocast(x.device.type, enabled=False):
            guess: Tensor = torch.bmm(weights, z.flatten(2)).view_as(x)
        return guess

    def _weights(self, num: int, size: int, level: Level, noise: Tensor) -> Tensor:
        alpha, sigma = (each.double().cpu().reshape(-1, 1) for each in (level.alpha, level.sigma))
        noise = noise.double().cpu().reshape(-1, 1)
        factors = torch.ones(num, size, dtype=torch.float64)
        factors[:, : self._num] = alpha
        spread = torch.cat([sigma.expand(num, self._num), noise.expand(num, size - self._num)], 1)
        C = self.covariance.double().cpu()
        seen = factors[:, :, None] * C * factors[:, None]
        seen = seen + torch.diag_embed(spread.square() + _SMALLEST)
        weights: Tensor = torch.linalg.solve(seen, factors[:, :, None] * C[:, : self._num])
        return weights.mT
