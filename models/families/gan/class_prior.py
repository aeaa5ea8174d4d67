"""First drafts of films, for the generator to finish.

A class's films as a mixture of ellipsoids over their principal components: blurred, but as varied
as the films are. The generator begins there, so that it neither spends its time on learning what a
chest is nor collapses to a few films.

The images of a class are parted into clusters of at least 100 by the leading components, which hold
the shape of the chest and how it lies in the image. One covariance is common to all clusters of all
classes: that of a cluster's own images would tell who they are. How far from the centre a draft
lies is drawn as the images have it: most are plainer than a Gaussian of many dimensions would have
them, and a few much busier (Cambanis et al. 1981, on elliptically contoured distributions,
doi:10.1016/0047-259X(81)90082-8).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.films import Films
from models.nn.embedding import of_classes
from models.nn.k_means import k_means
from models.nn.principal_components import PrincipalComponents

SEED = 0
NUM_LEADING = 16  # latents that the clusters are told apart by
IMAGES_PER_CLUSTER = 200
MIN_IMAGES = 100  # of a cluster: those of a smaller one join others, lest its mean tell of them
NUM_QUANTILES = 17
QUANTILES = (0.02, 0.98)  # of the radius: extremes tell of single images
FILMS_PER_READING = 256


class ClassPrior(nn.Module):
    """From a class to latents, and from latents to a draft and back; fitted, not trained."""

    weights: Tensor
    means: Tensor
    factor: Tensor
    radii: Tensor

    def __init__(self, size: int, num_classes: int, num_latents: int, num_gaussians: int) -> None:
        super().__init__()
        k, d = num_gaussians, num_latents
        self.principal = PrincipalComponents(size, d)
        self.register_buffer("weights", torch.full((num_classes, k), 1 / k))
        self.register_buffer("means", torch.zeros(num_classes, k, d))
        self.register_buffer("factor", torch.eye(d))
        self.register_buffer("radii", torch.full((NUM_QUANTILES,), d**0.5))

    def draw(self, classes: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
        """Draw latents, (b, num_latents), of classes.

        Args:
            classes: Labels, (b,); or mixtures, (b, num_classes), for which the draws of all classes
                are mixed.
            uniform: (b, 2), in [0, 1]: chooses the ellipsoid, and how far from its centre to be.
            normal: (b, num_latents), standard normal: chooses the direction.
        """
        if classes.is_floating_point():
            labels = classes.new_zeros(len(classes), dtype=torch.int64)
            draws = [self.draw(labels + k, uniform, normal) for k in range(classes.shape[1])]
            return (classes[:, :, None] * torch.stack(draws, 1)).sum(1)
        cumulative = self.weights[classes].cumsum(1)
        chosen = (uniform[:, :1] >= cumulative).sum(1).clamp_max(cumulative.shape[1] - 1)
        radius = _interpolate(self.radii.expand(len(normal), -1), uniform[:, 1:])
        with torch.autocast(normal.device.type, enabled=False):
            spread = (radius * F.normalize(normal, dim=1)) @ self.factor.T
        return self.means[classes, chosen] + spread

    def middle(self, classes: Tensor) -> Tensor:
        """Return the mean latents of classes, given as in `draw`: (b, num_latents)."""
        means = (self.weights[:, :, None] * self.means).sum(1)  # (num_classes, num_latents)
        return of_classes(means, classes)

    def encode(self, images: Tensor) -> Tensor:
        """Read the latents, (b, num_latents), that (b, 1, h, w) films have a draft at."""
        return self.principal.encode(images)[0]

    def decode(self, latents: Tensor) -> Tensor:
        """Turn latents, (b, num_latents), into drafts, (b, 1, h, w)."""
        return self.principal.decode(latents)

    @torch.no_grad()
    def fit(self, films: Films) -> Iterator[float]:
        """Fit the components and the mixtures, once; yields the fraction done."""
        if self.principal.fitted:
            return
        yield from self.principal.fit(films)
        readings = films.in_order(FILMS_PER_READING)
        latents = torch.cat([self.encode(films.images(indices)) for indices in readings])
        latents, labels = latents.double().cpu(), films.labels.cpu()
        rng = torch.Generator().manual_seed(SEED)
        clusters = torch.zeros_like(labels)  # numbered from 0 in every class
        centred = torch.zeros_like(latents)
        for label, means in enumerate(self.means):
            own = labels == label
            clusters[own] = _clusters(latents[own], len(means), rng)
            counts = clusters[own].bincount(minlength=self.weights.shape[1])
            self.weights[label] = counts / counts.sum()
            for k in range(int(clusters[own].max()) + 1):
                films_of_k = own & (clusters == k)
                mean = latents[films_of_k].mean(0)
                means[k] = mean
                centred[films_of_k] = latents[films_of_k] - mean
            yield label / len(self.means)
        covariance = centred.T @ centred / len(centred) + 1e-6 * torch.eye(centred.shape[1])
        self.factor.copy_(torch.linalg.cholesky(covariance))
        # so that drafts vary as much as the images: the mean of |x - mu|^2 is the covariance's
        # trace where the radius is d^(1/2)
        radii = centred.norm(dim=1) * (len(covariance) / covariance.trace()).sqrt()
        self.radii.copy_(torch.quantile(radii, torch.linspace(*QUANTILES, NUM_QUANTILES).double()))


def _clusters(latents: Tensor, most: int, rng: torch.Generator) -> Tensor:
    """Part films of a class, (n, d), into clusters of one shape, at most so many: (n,)."""
    num_clusters = min(most, max(1, len(latents) // IMAGES_PER_CLUSTER))
    return k_means(latents[:, :NUM_LEADING], num_clusters, MIN_IMAGES, rng)


def _interpolate(quantiles: Tensor, uniform: Tensor) -> Tensor:
    """Read quantile functions (b, q), known at even steps, at places (b, 1) in [0, 1]."""
    place = uniform * (quantiles.shape[1] - 1)
    before = place.floor().long().clamp_max(quantiles.shape[1] - 2)
    return torch.lerp(quantiles.gather(1, before), quantiles.gather(1, before + 1), place - before)
