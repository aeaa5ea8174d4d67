"""The smallest family that keeps every promise: a linear autoencoder about each class's mean.

Lucas et al. 2019 (arXiv:1911.02469): its optimum are the principal components.
"""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.family import Batch, Family, FittedPart, ImageSpec, Losses, Phase, Stage
from models.seeding import ImageNoise
from tests.contract.example_family.config import Config, Sampler

SIDE = 16  # pixels that are modelled; larger images are shrunk and enlarged


@final
class LinearAutoencoder(Family[Config, Sampler]):
    """q(z|x, y) and p(x|z, y), both linear."""

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__(config, spec)
        self.means = nn.Linear(spec.num_classes, SIDE**2, bias=False)
        self.encoder = nn.Linear(SIDE**2, config.num_latents)
        self.decoder = nn.Linear(config.num_latents, SIDE**2, bias=False)
        self.log_variance = nn.Parameter(torch.zeros(config.num_latents))

    def stages(self) -> Sequence[Stage]:
        """Train all at once."""
        phase = Phase("all", [self], self.loss, self.config.learning_rate)
        return [Stage("linear", 1.0, self.config.batch_size, [phase], averaged=[self])]

    def loss(self, batch: Batch) -> Losses:
        """Squared error and KL divergence (Kingma & Welling 2014, appendix B)."""
        x = F.adaptive_avg_pool2d(batch.images, SIDE).flatten(1)
        mu_y = self.means(F.one_hot(batch.labels, self.spec.num_classes).float())
        mu = self.encoder(x - mu_y)
        z = mu + (0.5 * self.log_variance).exp() * torch.randn_like(mu)
        error = (mu_y + self.decoder(z) - x).square().sum(1).mean()
        kl = 0.5 * (mu.square() + self.log_variance.exp() - 1 - self.log_variance).sum(1).mean()
        return {"loss": error + kl, "error": error, "kl": kl}

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Ask everything at once for its reconstruction error."""

        def score(images: Tensor, labels: Tensor) -> Tensor:
            x = F.adaptive_avg_pool2d(images, SIDE).flatten(1)
            mu_y = self.means(F.one_hot(labels, self.spec.num_classes).float())
            error = mu_y + self.decoder(self.encoder(x - mu_y)) - x
            return -error.square().sum(1)

        return [FittedPart("all", ("means", "encoder", "decoder", "log_variance"), score)]

    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: Sampler) -> Tensor:
        """Decode standard normal latents about the mean of the classes."""
        z = sampler.temperature * noise.normal(self.config.num_latents)
        x = (self.means(mixtures) + self.decoder(z)).view(-1, 1, SIDE, SIDE)
        return F.interpolate(x, (self.spec.size, self.spec.size), mode="bilinear").clamp(-1, 1)
