"""The diffusion of latents, and the training of the network that reverses it.

Wang & Vastola 2024 (arXiv:2412.09726): the network corrects the ideal denoiser of normal data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import torch
from torch import Tensor, nn

from models.diffusion.denoiser import NetworkDenoiser
from models.diffusion.gaussian import GaussianDenoiser
from models.diffusion.guidance import EarlySnapshot, drop_labels
from models.diffusion.paths import PATHS, Level, along_path, logit_normal_times, uniform_times
from models.diffusion.predictions import PREDICTIONS
from models.families.ldm.autoencoder_task import LatentSpace
from models.families.ldm.config import Config
from models.family import Batch, FittedPart, Losses, Phase, PrivateStage, Stage
from models.nn.unet import UNet
from models.precision import autocast, fastest_dtype, reproducible_dtype
from models.seeding import ImageNoise
from models.training_images import TrainingImages

SCORED_STEPS = 8  # of the whole path, at whose levels a network is scored


class DiffusionProcess:
    """The path from latents to noise, and how a network is read as a denoiser on it.

    Attributes:
        path: From latents to noise.
        prediction: What networks answer.
    """

    def __init__(self, config: Config, space: LatentSpace, gaussian: GaussianDenoiser) -> None:
        self.path = PATHS[config.path]
        self.prediction = PREDICTIONS[config.prediction]
        self._config, self._space, self._gaussian = config, space, gaussian

    def draw_level(self, num_times: int) -> Level:
        """Draw places of training on the path, (num_times, 1, 1, 1), from torch's global source."""
        config, device = self._config, self._space.mean.device
        if config.times == "uniform":
            u = uniform_times(num_times, device)
        else:
            u = logit_normal_times(num_times, config.time_mean, config.time_std, device)
        return self.path.level(self.path.training_times(u).view(-1, 1, 1, 1))

    def denoiser(
        self, network: nn.Module, classes: Tensor, changes: Tensor | None = None
    ) -> NetworkDenoiser:
        """Read a network as a denoiser of latents.

        Args:
            network: A `UNet`.
            classes: Labels (b,) or mixtures (b, num_classes + 1); "no class" is the last.
            changes: How the images were augmented; None is not at all.
        """

        def answer(x: Tensor, times: Tensor, classes: Tensor) -> Tensor:
            dtype = fastest_dtype if torch.is_grad_enabled() else reproducible_dtype
            with autocast(x.device, dtype(x.device)):
                return network(x, times, classes, changes).float()  # type: ignore[no-any-return]

        return NetworkDenoiser(answer, self.prediction, self._gaussian, classes)

    def scored_levels(self, x: Tensor) -> Iterator[tuple[Tensor, Level]]:
        """Take latents (b, c, h, w) to some levels, with the same noise for each image."""
        noise = ImageNoise([0], x.device)
        for level in self.path.levels(SCORED_STEPS)[1:-1]:
            n = noise.normal(*self._space.shape).expand_as(x)
            yield along_path(x, n, level), level

    def score(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Score images (b, 1, h, w) of labels (b,) by how little a network errs: (b,)."""
        x = self._space.encode(images)
        denoise = self.denoiser(network, labels)
        errors = []
        for x_t, level in self.scored_levels(x):
            error = (denoise(x_t, level) - x).square().flatten(1).mean(1)
            errors.append(error * (level.alpha / level.sigma).to(error) ** 2)
        return -torch.stack(errors).mean(0)


@final
class DenoiserTask:
    """Trains a U-Net to predict, anywhere on the path, what leads back to the latents.

    Args:
        config: Batches, learning rate and length.
        space: Where the latents come from.
        process: The path.
        network: What is trained.
        gaussian: What the network corrects.
        early: Follows the network early in the training; None where guidance needs no such.
    """

    def __init__(
        self,
        config: Config,
        space: LatentSpace,
        process: DiffusionProcess,
        network: UNet,
        gaussian: GaussianDenoiser,
        early: EarlySnapshot | None,
    ) -> None:
        self._config, self._space, self._process = config, space, process
        self._network, self._gaussian, self._early = network, gaussian, early

    def stage(self) -> Stage:
        """Train the network on latents at random places of the path."""
        config = self._config
        phase = Phase(
            "denoiser",
            trained=[self._network],
            loss=self.loss,
            learning_rate=config.learning_rate,
        )
        return Stage(
            "denoiser",
            share=config.denoiser_share,
            batch_size=config.batch_size,
            phases=[phase],
            averaged=[self._network],
            ema_relative_std=config.ema_relative_std,
            prepare=self._prepare,
        )

    def loss(self, batch: Batch) -> Losses:
        """Predict, at a place of the path from an image's latents to noise, what is asked for."""
        x, changes = self._space.draw_augmented(batch)
        errors = self._prediction_errors(x, batch.labels, changes)
        if self._early is not None:
            self._early.follow(self._network, batch.fraction)
        return {"loss": errors.square().mean()}

    def private_stage(self) -> PrivateStage:
        """Move what answers the condition by noisy gradients.

        The autoencoder, the scale of its latents, the linear denoiser and all matrices stay as
        public images made them. What moves are some 17,000 numbers (64 px), since noise grows with
        the root of how many there are: the vectors of the classes, and what is added and scaled in
        every layer.

        Reference: Bu et al. 2022, for fine-tuning biases alone (arXiv:2210.00036).
        """
        config, network = self._config, self._network

        def losses(images: Tensor, labels: Tensor) -> Tensor:
            with torch.no_grad():
                x = self._space.encode(images)
            x, labels = (each.repeat_interleave(config.private_draws, 0) for each in (x, labels))
            return self._prediction_errors(x, labels).square().flatten(1).mean(1)

        vectors = (weight for weight in network.parameters() if weight.dim() == 1)
        return PrivateStage(
            network=network,
            trained=[*network.embedding.classes.parameters(), *vectors],
            losses=losses,
            num_draws=config.private_draws,
            batch_size=config.private_batch_size,
            num_updates=config.private_updates,
            learning_rate=config.private_learning_rate,
        )

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Score by the linear denoiser, the network, and the network as it was early."""
        linear = FittedPart(
            "linear_denoiser",
            ("gaussian",),
            lambda images, labels: self._gaussian.overfit(self._space.encode(images), labels),
        )
        parts = [linear, self._part("denoiser", "denoiser", self._network)]
        if self._early is not None:
            parts.append(self._part("early_snapshot", "early", self._early.network))
        return parts

    def _part(self, name: str, covers: str, network: nn.Module) -> FittedPart:
        return FittedPart(
            name,
            (covers,),
            lambda images, labels: self._process.score(network, images, labels),
        )

    def _prepare(self, images: TrainingImages) -> Iterator[float]:
        return self._space.prepare(images, self._gaussian)

    def _prediction_errors(
        self, x: Tensor, labels: Tensor, changes: Tensor | None = None
    ) -> Tensor:
        """Say by how much the network misses its target, at a place of the path for each image.

        Args:
            x: Normalised latents, (b, c, h, w).
            labels: (b,), some of which are dropped.
            changes: How the images were augmented.
        """
        process = self._process
        n = torch.randn_like(x)
        level = process.draw_level(len(x))
        no_class = self._network.embedding.classes.num_embeddings - 1
        labels = drop_labels(labels, self._config.class_dropout, no_class)
        denoiser = process.denoiser(self._network, labels, changes)
        return denoiser.answer(along_path(x, n, level), level) - process.prediction.target(
            x, n, level
        )
