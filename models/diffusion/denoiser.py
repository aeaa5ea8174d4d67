"""The denoiser D: from a network's answer, or from two, to the expected image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.diffusion.paths import Level
from models.diffusion.predictions import Prediction

# the expected images D_x at noisy images (b, c, h, w) and a level of no dimension
Denoiser = Callable[[Tensor, Level], Tensor]


@dataclass(frozen=True)
class NetworkDenoiser:
    """A network that corrects the ideal denoiser of normal data, read as a denoiser itself.

    Attributes:
        network: From noisy images (b, c, h, w), times (b,) and classes to a correction of F_x.
        prediction: What F_x is.
        gaussian: From noisy images, a level and classes to what is corrected.
        classes: What to draw: labels (b,) or mixtures (b, k).
    """

    network: Callable[[Tensor, Tensor, Tensor], Tensor]
    prediction: Prediction
    gaussian: Callable[[Tensor, Level, Tensor], Tensor]
    classes: Tensor

    def __call__(self, x: Tensor, level: Level) -> Tensor:
        """Denoise images."""
        F_x = self.answer(x, level)
        return self.prediction.denoised(F_x, x, level)

    def answer(self, x: Tensor, level: Level) -> Tensor:
        """Predict what the prediction's target is."""
        D = self.gaussian(x, level, self.classes)
        n = (x - level.alpha * D) / level.sigma
        c_noise = self.prediction.c_noise(level)
        # a time of no dimension goes to the device as a number, which waits for nothing
        if c_noise.dim():
            times = c_noise.flatten()
        else:
            times = torch.full((len(x),), float(c_noise), device=x.device)
        correction = self.network(self.prediction.c_in(level) * x, times, self.classes)
        return self.prediction.target(D, n, level) + correction
