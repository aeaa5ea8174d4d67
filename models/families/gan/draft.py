"""First drafts of films, for the generator to finish.

A class's films as a mixture of ellipsoids over their principal components: blurred, but as varied
as the films are. The generator begins there, so that it neither spends its time on learning what a
chest is nor collapses to a few films.

The ellipsoids are the Gaussians of a fitted mixture, but how far from the centre a draft lies is
drawn as the films have it: most are plainer than a Gaussian of many dimensions would have them, and
a few much busier (Cambanis et al. 1981, on elliptically contoured distributions,
doi:10.1016/0047-259X(81)90082-8).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.films import Films
from models.nn.embedding import of_classes
from models.nn.gaussian_mixture import CovariancePrior, Mixture, expectation_maximisation
from models.nn.principal_components import PrincipalComponents

SEED = 0
SHRINKAGE = 32  # films that the covariance common to all classes counts for
MIN_FILMS_PER_GAUSSIAN = 150
NUM_QUANTILES = 65
FILMS_PER_READING = 256


class Drafts(nn.Module):
    """From a class to latents, and from latents to a draft and back; fitted, not trained."""

    weights: Tensor
    means: Tensor
    factors: Tensor
    radii: Tensor

    def __init__(self, size: int, num_classes: int, num_latents: int, num_gaussians: int) -> None:
        super().__init__()
        k, d = num_gaussians, num_latents
        self.principal = PrincipalComponents(size, d)
        self.register_buffer("weights", torch.full((num_classes, k), 1 / k))
        self.register_buffer("means", torch.zeros(num_classes, k, d))
        self.register_buffer("factors", torch.eye(d).repeat(num_classes, k, 1, 1))
        self.register_buffer("radii", torch.full((num_classes, NUM_QUANTILES), d**0.5))

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
        radius = _interpolate(self.radii[classes], uniform[:, 1:])
        place = radius * F.normalize(normal, dim=1)
        with torch.autocast(normal.device.type, enabled=False):
            spread = torch.bmm(self.factors[classes, chosen], place[:, :, None]).squeeze(2)
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
        classes = [latents[labels == label] for label in range(len(self.means))]
        within = torch.cat([each - each.mean(0) for each in classes])
        common = within.T @ within / len(within)
        prior = CovariancePrior(common + 1e-6 * torch.eye(len(common)), SHRINKAGE)
        rng = torch.Generator().manual_seed(SEED)
        for label, each in enumerate(classes):
            num_gaussians = min(self.means.shape[1], max(1, len(each) // MIN_FILMS_PER_GAUSSIAN))
            for mixture, _ in expectation_maximisation(each, num_gaussians, prior, rng):
                self._store(label, mixture)
                yield label / len(classes)
            self.radii[label] = torch.quantile(
                _radii(each, mixture), torch.linspace(0, 1, NUM_QUANTILES, dtype=torch.float64)
            )

    def _store(self, label: int, mixture: Mixture) -> None:
        k = len(mixture.weights)
        self.weights[label] = 0
        self.weights[label, :k] = mixture.weights
        self.means[label, :k] = mixture.means
        self.factors[label, :k] = torch.linalg.cholesky(mixture.covariances)


def _radii(points: Tensor, mixture: Mixture) -> Tensor:
    """Measure how far (n, d) points lie from the centre of their Gaussian, in its own units."""
    likeliest = mixture.log_joint(points).argmax(1)
    factors = torch.linalg.cholesky(mixture.covariances)
    radii = points.new_empty(len(points))
    for k, (mean, factor) in enumerate(zip(mixture.means, factors, strict=True)):
        own = likeliest == k
        whitened = torch.linalg.solve_triangular(factor, (points[own] - mean).T, upper=False)
        radii[own] = whitened.norm(dim=0)
    return radii


def _interpolate(quantiles: Tensor, uniform: Tensor) -> Tensor:
    """Read quantile functions (b, q), known at even steps, at places (b, 1) in [0, 1]."""
    place = uniform * (quantiles.shape[1] - 1)
    before = place.floor().long().clamp_max(quantiles.shape[1] - 2)
    return torch.lerp(quantiles.gather(1, before), quantiles.gather(1, before + 1), place - before)
