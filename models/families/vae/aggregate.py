"""The density of a class's latents over all its images, to draw new latents from.

The aggregate posterior q(z|y) = mean over the images x of class y of q(z|x, y) is what the decoder
has learnt to read; the standard normal prior covers it badly (Tomczak & Welling 2018, section 2,
arXiv:1705.07120). It is taken to be one Gaussian for each class, whose latents have a mean and a
variance of their own and are correlated as those of all classes are: a covariance of the class's
own, and still more those of clusters in it, would tell of single images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from models.films import Films
from models.seeding import ImageNoise

SEED = 0
DRAWS_PER_IMAGE = 2
SHRINKAGE = 32  # images that the variance common to all classes counts for in each
IMAGES_PER_LATENT = 16  # that no correlation at all counts for, for each latent
IMAGES_PER_READING = 64

Encode = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class AggregatePosterior(nn.Module):
    """A Gaussian for the latents of each class; the standard normal until fitted."""

    fitted: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, num_latents: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("means", torch.zeros(num_classes, num_latents))
        self.register_buffer("factors", torch.eye(num_latents).repeat(num_classes, 1, 1))

    def forward(self, mixtures: Tensor, noise: ImageNoise, temperature: float) -> Tensor:
        """Draw latents, (b, num_latents), for mixtures of classes (b, num_classes).

        One draw is made of every class from the same noise, and the draws are mixed.
        """
        spread = (self.factors @ noise.normal(1, self.means.shape[1], 1)).squeeze(3)
        drawn = self.means + temperature * spread  # (b, num_classes, num_latents)
        return (mixtures[:, :, None] * drawn).sum(1)

    def log_density(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Give log p(z|y) of latents (b, num_latents) of classes (b,), up to a constant: (b,)."""
        densities = latents.new_zeros(len(latents))
        for label, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            own = labels == label
            offset = (latents[own] - mean).T
            standard = torch.linalg.solve_triangular(factor, offset, upper=False)
            densities[own] = -factor.diagonal().log().sum() - 0.5 * standard.square().sum(0)
        return densities

    def fit(self, encode: Encode, films: Films) -> Iterator[float]:
        """Fit the Gaussians to the images; yields the fraction done."""
        latents = torch.empty(len(films), DRAWS_PER_IMAGE, self.means.shape[1]).double()
        rng = torch.Generator().manual_seed(SEED)
        for indices in films.in_order(IMAGES_PER_READING):
            mean, log_variance = encode(films.images(indices), films.labels[indices])
            eps = torch.randn(len(indices), *latents.shape[1:], generator=rng)
            spread = (0.5 * log_variance).exp().cpu()[:, None] * eps
            latents[indices.cpu()] = (mean.cpu()[:, None] + spread).double()
            yield (int(indices[-1]) + 1) / len(films)
        self._fit(latents, films.labels.cpu())

    def _fit(self, latents: Tensor, labels: Tensor) -> None:
        """Fit the Gaussians to latents (n, draws, num_latents) of classes (n,)."""
        n, draws, d = latents.shape
        classes = [latents[labels == label] for label in range(len(self.means))]
        centred = [each - each.mean((0, 1)) for each in classes]
        common = torch.cat(centred).square().mean((0, 1)) + 1e-6
        scales = [
            ((each.square().mean(1).sum(0) + SHRINKAGE * common) / (len(each) + SHRINKAGE)).sqrt()
            for each in centred
        ]
        standard = [each / scale for each, scale in zip(centred, scales, strict=True)]
        flat = torch.cat(standard).flatten(0, 1)
        uncorrelated = IMAGES_PER_LATENT * d * torch.eye(d, dtype=flat.dtype)
        correlation = (flat.T @ flat / draws + uncorrelated) / (n + IMAGES_PER_LATENT * d)
        covariances = [correlation * scale.outer(scale) for scale in scales]
        self.take(torch.stack([each.mean((0, 1)) for each in classes]), torch.stack(covariances))

    def take(self, means: Tensor, covariances: Tensor) -> None:
        """Take over a Gaussian for each class, (c, d) and (c, d, d)."""
        self.means.copy_(means)
        self.factors.copy_(torch.linalg.cholesky(covariances))
        self.fitted.fill_(value=True)
