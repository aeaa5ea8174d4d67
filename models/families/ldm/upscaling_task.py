"""The second stage of a cascade: enlarges images to twice their size, with details drawn anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from models.diffusion.paths import PATHS, Level, along_path, beside, logit_normal_times
from models.diffusion.predictions import PREDICTIONS
from models.diffusion.samplers import SamplingTrajectory, dpm_solver
from models.families.ldm.config import Config
from models.families.ldm.upscaler import (
    CELL,
    DETAILS,
    FACTOR,
    MAX_BLUR,
    SMALL_DETAILS,
    Condition,
    Upscaler,
    details_of,
    strength_of,
)
from models.family import Batch, FittedPart, Losses, Phase, Stage
from models.larger_images import LargerImages
from models.precision import autocast, fastest_dtype, reproducible_dtype
from models.seeding import ImageNoise
from models.training_images import TrainingImages

CROP = 128  # pixels on the side of the parts of images that the network is trained on
NUM_STEPS = 8  # from noise to details
BLUR = 0.2  # noise on the details of an image that is enlarged, in their strength
SCALED_BY = 256  # images at most, by which the details are scaled
SCORED_SHARES = (0.3, 0.6, 0.9)  # places of the path at which images are scored
IMAGES_AT_ONCE = 8


@final
class UpscalingTask:
    """Trains a network to draw the details of images from the images at half the size.

    It knows nothing of classes: what an image shows is settled before.

    Args:
        config: Batches, learning rate and length.
        network: What is trained.
        size: Side of the images that are enlarged, in pixels.
    """

    def __init__(self, config: Config, network: Upscaler, size: int) -> None:
        self._config, self._network, self._size = config, network, size
        self._path, self._prediction = PATHS["straight"], PREDICTIONS["velocity"]
        self._images: LargerImages | None = None

    def stage(self) -> Stage:
        """Train on parts of the larger images."""
        config = self._config
        phase = Phase(
            "upscaler",
            trained=[self._network],
            loss=self.loss,
            learning_rate=config.learning_rate,
        )
        return Stage(
            "upscaler",
            share=config.upscale_share,
            batch_size=config.upscaler_batch_size,
            phases=[phase],
            averaged=[self._network],
            prepare=self.prepare,
        )

    @torch.no_grad()
    def prepare(self, images: TrainingImages) -> Iterator[float]:
        """Find the larger images, and how strong their details are.

        Raises:
            ValueError: There are no images of twice the size.
        """
        size = FACTOR * self._size
        if images.larger is None or images.larger.size != size:
            raise ValueError(f"upscale_share is above 0, but there are no images of {size} px.")
        self._images = images.larger
        num = min(len(images), SCALED_BY)
        chosen = torch.linspace(0, len(images) - 1, num).round().long()
        network, size = self._network, DETAILS + SMALL_DETAILS
        products = torch.zeros(size, size, dtype=torch.float64)
        for some in torch.split(chosen, IMAGES_AT_ONCE):
            large = self._images.read(some)
            small = details_of(F.avg_pool2d(large, FACTOR), CELL // FACTOR)
            both = torch.cat([details_of(large, CELL), small], dim=1) / strength_of(small)
            flat = both.transpose(0, 1).flatten(1)  # (details, places)
            products += (flat @ flat.T).double().cpu() / flat.shape[1] * len(some) / num
            yield 0.5
        variance = products.diagonal()[:DETAILS].mean().clamp(min=1e-8)
        units = torch.ones(size, dtype=torch.float64)
        units[:DETAILS] = variance.rsqrt()
        network.scale.copy_(variance.sqrt())
        network.linear.covariance.copy_(units[:, None] * products * units)
        yield 1.0

    def loss(self, batch: Batch) -> Losses:
        """Predict the velocity at random places of the path, on a part of each image."""
        assert self._images is not None, "the stage has been prepared"
        side = min(CROP, self._images.size)
        images = self._images.crops(batch.indices, side, CELL)
        if batch.images.is_cuda:
            images = images.to(batch.images.device)
        small = F.avg_pool2d(images, FACTOR)
        noise = MAX_BLUR * torch.rand(len(images), device=images.device).square()
        n_small = torch.randn(len(images), SMALL_DETAILS, side // CELL, side // CELL).to(images)
        condition = self._network.condition(small, noise, n_small)
        x = self._network.details(images, condition.strength)
        n = torch.randn_like(x)
        times = logit_normal_times(len(x), 0.0, 1.0, x.device)
        level = self._path.level(times.view(-1, 1, 1, 1))
        answer = self._answer(along_path(x, n, level), level, condition)
        return {"loss": F.mse_loss(answer, self._prediction.target(x, n, level))}

    def enlarge(self, images: Tensor, noise: ImageNoise) -> Tensor:
        """Draw images (b, 1, 2 s, 2 s) that look like images (b, 1, s, s) from further away."""
        side = images.shape[-1] // (CELL // FACTOR)
        condition = self._network.condition(
            images, self._blur(images), noise.normal(SMALL_DETAILS, side, side)
        )

        def denoise(x: Tensor, level: Level) -> Tensor:
            return self._prediction.denoised(self._answer(x, level, condition), x, level)

        def fresh_noise() -> Tensor:
            return noise.normal(DETAILS, side, side)

        trajectory = SamplingTrajectory(denoise, self._path.levels(NUM_STEPS), fresh_noise)
        return self._network.image(dpm_solver(trajectory, fresh_noise()), condition)

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Score larger images by how little the network errs about their details."""
        return [FittedPart("upscaler", ("upscaler",), self._score, size=FACTOR * self._size)]

    def _score(self, images: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002 - it knows none
        return torch.cat([self._scores(some) for some in torch.split(images, IMAGES_AT_ONCE)])

    def _scores(self, images: Tensor) -> Tensor:
        noise, side = ImageNoise([0], images.device), images.shape[-1] // CELL
        small = F.avg_pool2d(images, FACTOR)
        n_small = noise.normal(SMALL_DETAILS, side, side).expand(len(images), -1, -1, -1)
        condition = self._network.condition(small, self._blur(images), n_small)
        x = self._network.details(images, condition.strength)
        errors = []
        for share in SCORED_SHARES:
            level = self._path.level(torch.tensor(share, dtype=torch.float64))
            n = noise.normal(DETAILS, side, side).expand_as(x)
            x_t = along_path(x, n, level).float()
            found = self._prediction.denoised(self._answer(x_t, level, condition), x_t, level)
            errors.append((found - x).square().flatten(1).mean(1))
        return -torch.stack(errors).mean(0)

    def _blur(self, images: Tensor) -> Tensor:
        return torch.full((len(images),), BLUR, device=images.device)

    def _answer(self, x: Tensor, level: Level, condition: Condition) -> Tensor:
        """Predict the velocity: that of the best linear guess, corrected."""
        D = self._network.linear(x, condition.small, level, condition.noise)
        n = (x - level.alpha * D) / level.sigma
        times = beside(level.t, x).flatten().expand(len(x))
        dtype = fastest_dtype if torch.is_grad_enabled() else reproducible_dtype
        with autocast(x.device, dtype(x.device)):
            correction = self._network(x.float(), times, condition).float()
        answer: Tensor = self._prediction.target(D, n, level) + correction
        return answer
