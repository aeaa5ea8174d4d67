"""A classifier of noisy latents, whose gradient can guide the sampling.

Dhariwal & Nichol 2021, section 4 (arXiv:2105.05233).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.diffusion.paths import Level, along_path
from models.families.ldm.autoencoder_task import LatentSpace
from models.families.ldm.config import Config
from models.families.ldm.denoiser_task import DiffusionProcess
from models.family import Batch, FittedPart, Losses, Phase, Stage
from models.nn.blocks import ConditionalResidualBlock, group_norm, sinusoidal_embedding
from models.nn.label_odds import label_log_odds


class NoiseClassifier(nn.Module):
    """Residual blocks under the time, halved once, pooled: half of the U-Net.

    Args:
        image_channels: Channels of the images.
        channels: Width; a multiple of 8.
        num_classes: Number of classes.
    """

    def __init__(self, image_channels: int, channels: int, num_classes: int) -> None:
        super().__init__()
        self.condition_size = 4 * channels
        self.stem = nn.Conv2d(image_channels, channels, 3, padding=1)
        self.fine = ConditionalResidualBlock(channels, channels, self.condition_size)
        self.coarse = ConditionalResidualBlock(channels, channels, self.condition_size)
        self.norm = group_norm(channels)
        self.out = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Score the classes, (b, num_classes), of images (b, c, h, w) at times (b,)."""
        condition = F.silu(sinusoidal_embedding(time, self.condition_size))
        h = self.fine(self.stem(x), condition)
        h = self.coarse(F.avg_pool2d(h, 2), condition)
        pooled = F.silu(self.norm(h)).mean(dim=(2, 3))
        return self.out(pooled)  # type: ignore[no-any-return]


@final
class ClassifierTask:
    """Trains a network to classify latents at any place of the path.

    Args:
        config: Batches, learning rate and length.
        space: Where the latents come from.
        process: The path.
        network: What is trained.
    """

    def __init__(
        self,
        config: Config,
        space: LatentSpace,
        process: DiffusionProcess,
        network: NoiseClassifier,
    ) -> None:
        self._config, self._space, self._process = config, space, process
        self._network = network

    def stage(self) -> Stage:
        """Train the network on latents at random places of the path."""
        config = self._config
        phase = Phase(
            "classifier",
            trained=[self._network],
            loss=self.loss,
            learning_rate=config.learning_rate,
        )
        return Stage(
            "classifier",
            share=config.classifier_share,
            batch_size=config.batch_size,
            phases=[phase],
            averaged=[self._network],
            prepare=self._space.cache,
        )

    def loss(self, batch: Batch) -> Losses:
        """Give the cross entropy of the labels."""
        x, _ = self._space.draw_augmented(batch)
        level = self._process.draw_level(len(x))
        x_t = along_path(x, torch.randn_like(x), level)
        logits = self._network(x_t, level.noise_share.flatten())
        return {"loss": F.cross_entropy(logits.float(), batch.labels)}

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Score images by how sure the network is of their labels, at some levels."""
        return [FittedPart("classifier", ("classifier",), self._score)]

    def log_likelihood(self, mixtures: Tensor) -> Callable[[Tensor, Level], Tensor]:
        """Give the function log p(class | x) of noisy latents; for mixtures the mean of it."""

        def log_likelihood(x: Tensor, level: Level) -> Tensor:
            logits = self._logits(x, level)
            return (mixtures.clone() * logits.log_softmax(dim=1)).sum(dim=1)

        return log_likelihood

    def _score(self, images: Tensor, labels: Tensor) -> Tensor:
        x = self._space.encode(images)
        scores = [
            label_log_odds(self._logits(x_t, level).float(), labels)
            for x_t, level in self._process.scored_levels(x)
        ]
        return torch.stack(scores).mean(0)

    def _logits(self, x: Tensor, level: Level) -> Tensor:
        """Score the classes of latents that all lie at one level."""
        times = torch.full((len(x),), float(level.noise_share), device=x.device)
        logits: Tensor = self._network(x, times)
        return logits
