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
    """A network that answers with a prediction, read as a denoiser.

    Attributes:
        network: From noisy images (b, c, h, w), times (b,) and classes to F_x.
        prediction: What F_x is.
        classes: What to draw: labels (b,) or mixtures (b, k).
    """

    network: Callable[[Tensor, Tensor, Tensor], Tensor]
    prediction: Prediction
    classes: Tensor

    def __call__(self, x: Tensor, level: Level) -> Tensor:
        """Denoise images."""
        c_noise = torch.full((len(x),), float(self.prediction.c_noise(level)), device=x.device)
        F_x = self.network(self.prediction.c_in(level) * x, c_noise, self.classes)
        return self.prediction.denoised(F_x, x, level)
