"""What noisy gradients move of a latent diffusion model.

The autoencoder, the scale of its latents, the linear denoiser and all matrices stay as public
images made them. What moves are some 17,000 numbers (64 px), since noise grows with the root of how
many there are: the vectors of the classes, and what is added and scaled in every layer.

Reference: Bu et al. 2022, for fine-tuning biases alone (arXiv:2210.00036).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from models.family import PrivateStage
from models.nn.unet import UNet

if TYPE_CHECKING:
    from models.families.ldm.model import LatentDiffusion


def private_stage(model: LatentDiffusion) -> PrivateStage:
    """Lay out the private part of a training."""
    config = model.config

    def losses(images: Tensor, labels: Tensor) -> Tensor:
        """Compare what is predicted of each image at several levels of noise."""
        with torch.no_grad():
            x = model.normalised(model.autoencoder.encode(images).mean)
        x, labels = (each.repeat_interleave(config.private_draws, 0) for each in (x, labels))
        return model.prediction_errors(x, labels).square().flatten(1).mean(1)

    return PrivateStage(
        network=model.denoiser,
        trained=_moving(model.denoiser),
        losses=losses,
        num_draws=config.private_draws,
        batch_size=config.private_batch_size,
        num_updates=config.private_updates,
        learning_rate=config.private_learning_rate,
    )


def _moving(denoiser: UNet) -> list[nn.Parameter]:
    """List the vectors of the classes, all biases, and the scales of norms."""
    vectors = (weight for weight in denoiser.parameters() if weight.dim() == 1)
    return [*denoiser.embedding.classes.parameters(), *vectors]
