"""A family small enough to train in milliseconds: it learns one mean image for each class."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.config import FamilyConfig, FamilySampler
from models.family import Batch, Family, FittedPart, ImageSpec, Losses, Phase, Stage
from models.seeding import ImageNoise
from models.training_images import TrainingImages


class MeanConfig(FamilyConfig):
    dropout: float = 0.1


class MeanSampler(FamilySampler):
    spread: float = 0.1


class MeanImages(Family[MeanConfig, MeanSampler]):
    """Two stages, so that everything a training does between stages is walked too."""

    def __init__(self, config: MeanConfig, spec: ImageSpec) -> None:
        super().__init__(config, spec)
        self.means = nn.Embedding(spec.num_classes, spec.size**2)
        self.dropout = nn.Dropout(config.dropout)
        self.shift = nn.Parameter(torch.zeros(1))
        self.register_buffer("concluded", torch.zeros(1))
        self.num_prepared = 0

    def stages(self) -> list[Stage]:
        means = Phase("means", [self.means], self._loss, 0.05)
        shift = Phase("shift", [_Holder(self.shift)], self._loss, 0.01)
        return [
            Stage("means", 0.75, 4, [means], averaged=[self.means], conclude=self._conclude),
            Stage("shift", 0.25, 4, [shift, means], averaged=[self], prepare=self._prepare),
        ]

    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: MeanSampler) -> Tensor:
        size = self.spec.size
        means = (mixtures @ self.means.weight).reshape(-1, 1, size, size) + self.shift
        drawn: Tensor = means + sampler.spread * noise.normal(1, size, size)
        return drawn.clamp(-1, 1)

    def fitted_parts(self) -> list[FittedPart]:
        return [FittedPart("all", ("means", "shift", "concluded"), self._error)]

    def _error(self, images: Tensor, labels: Tensor) -> Tensor:
        return -(self.means(labels) + self.shift - images.flatten(1)).square().mean(1)

    def _loss(self, batch: Batch) -> Losses:
        drawn = self.dropout(self.means(batch.labels)) + self.shift
        error = (drawn - batch.images.flatten(1)).square().mean()
        return {"loss": error + 0 * torch.randn(()), "distance": error.sqrt()}

    def _conclude(self, images: TrainingImages) -> Iterator[float]:
        self.concluded += len(images)
        yield 1.0

    def _prepare(self, images: TrainingImages) -> Iterator[float]:
        self.num_prepared += 1
        yield 1.0


class _Holder(nn.Module):
    def __init__(self, parameter: nn.Parameter) -> None:
        super().__init__()
        self.parameter = parameter


@pytest.fixture
def images() -> TrainingImages:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24, 8, 8), np.uint8)
    return TrainingImages(pixels, np.arange(24) % 3)


@pytest.fixture
def new_mean_images():
    def build(seed: int = 0) -> MeanImages:
        torch.manual_seed(seed)
        return MeanImages(MeanConfig(), ImageSpec(8, 3))

    return build
