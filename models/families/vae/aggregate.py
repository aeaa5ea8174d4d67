"""The density of a class's latents over all its images, to draw new latents from.

The aggregate posterior q(z|y) = mean over the images x of class y of q(z|x, y) is what the decoder
has learnt to read; the standard normal prior covers it badly (Tomczak & Welling 2018, section 2,
arXiv:1705.07120). It is taken to be one Gaussian for each class, fitted to images that were changed
a little, in several ways each: fitted to unchanged images it would leak single images, and
clusters within a class would leak more. A rare class uses the covariance of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from models.nn.jitter import jittered
from models.seeding import ImageNoise, RandomState, seed_update
from models.training_images import TrainingImages

SEED = 0
CHANGES_PER_IMAGE = 4
SHRINKAGE = 50  # images that the covariance of all classes counts for in each
MIN_VARIANCE = 1e-6
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

    def divergence(self, mean: Tensor, log_variance: Tensor, labels: Tensor) -> Tensor:
        """Give KL(q(z|x, y) || p(z|y)), (b,), in nats, of diagonal Gaussians (b, num_latents)."""
        divergences = mean.new_zeros(len(mean))
        for label, (center, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            own = labels == label
            inverse = torch.linalg.solve_triangular(
                factor, torch.eye(len(factor)).to(factor), upper=False
            )
            offset = inverse @ (mean[own] - center).T
            trace = inverse.square() @ log_variance[own].exp().T
            entropy = log_variance[own].sum(1) + len(factor)
            log_det = 2 * factor.diagonal().log().sum()
            divergences[own] = 0.5 * ((offset.square() + trace).sum(0) + log_det - entropy)
        return divergences

    def fit(self, encode: Encode, images: TrainingImages) -> Iterator[float]:
        """Fit the Gaussians to changed images; yields the fraction done."""
        random_state = RandomState(images.device)
        latents = torch.empty(CHANGES_PER_IMAGE, len(images), self.means.shape[1]).double()
        for change in range(CHANGES_PER_IMAGE):
            for indices in images.in_order(IMAGES_PER_READING):
                seed_update(SEED, change, int(indices[0]))
                batch = jittered(images.read(indices)).clamp(-1, 1)
                mean, log_variance = encode(batch, images.labels[indices])
                drawn = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
                latents[change, indices.cpu()] = drawn.double().cpu()
                random_state.restore()
                yield (change + (int(indices[-1]) + 1) / len(images)) / CHANGES_PER_IMAGE
        self._fit(latents, images.labels.cpu())

    def _fit(self, latents: Tensor, labels: Tensor) -> None:
        """Fit the Gaussians to latents (changes, n, num_latents) of images of classes (n,)."""
        classes = [latents[:, labels == label].flatten(0, 1) for label in range(len(self.means))]
        means = torch.stack([each.mean(0) for each in classes])
        products = torch.stack(
            [(each - mean).T @ (each - mean) for each, mean in zip(classes, means, strict=True)]
        )
        common = products.sum(0) / labels.numel()
        common += len(latents) * MIN_VARIANCE * torch.eye(len(common), dtype=common.dtype)
        counts = labels.bincount(minlength=len(classes)).view(-1, 1, 1)
        covariances = (products + SHRINKAGE * common) / (counts + SHRINKAGE) / len(latents)
        self.take(means, covariances)

    def take(self, means: Tensor, covariances: Tensor) -> None:
        """Take over a Gaussian for each class, (c, d) and (c, d, d)."""
        self.means.copy_(means)
        self.factors.copy_(torch.linalg.cholesky(covariances))
        self.fitted.fill_(value=True)
