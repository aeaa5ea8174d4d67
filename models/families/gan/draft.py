"""First drafts of films, for the generator to finish.

A class's films as one Gaussian over their principal components: blurred, but as varied as the films
are. The generator begins there, so that it neither spends its time on learning what a chest is nor
collapses to a few films.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.films import Films
from models.nn.embedding import of_classes
from models.nn.principal_components import PrincipalComponents

SHRINKAGE = 32  # films that the covariance common to all classes counts for
FILMS_PER_READING = 256


class Drafts(nn.Module):
    """From latents and a class to a draft; fitted, not trained."""

    means: Tensor
    factors: Tensor

    def __init__(self, size: int, num_classes: int, num_latents: int) -> None:
        super().__init__()
        self.principal = PrincipalComponents(size, num_latents)
        self.register_buffer("means", torch.zeros(num_classes, num_latents))
        self.register_buffer("factors", torch.eye(num_latents).repeat(num_classes, 1, 1))

    def forward(self, latents: Tensor, classes: Tensor) -> Tensor:
        """Map standard normal latents (b, num_latents) and classes (b,) or (b, k) to films."""
        with torch.autocast(latents.device.type, enabled=False):
            factors = of_classes(self.factors, classes)
            spread = torch.bmm(factors, latents[:, :, None]).squeeze(2)
        return self.principal.decode(of_classes(self.means, classes) + spread)

    @torch.no_grad()
    def fit(self, films: Films) -> Iterator[float]:
        """Fit the components and the Gaussians, once; yields the fraction done."""
        if self.principal.fitted:
            return
        yield from self.principal.fit(films)
        means = []
        for indices in films.in_order(FILMS_PER_READING):
            mean, log_variance = self.principal.encode(films.images(indices))
            means.append(mean.double())
            yield 1.0
        latents = torch.cat(means)
        classes = [latents[films.labels == label] for label in range(len(self.means))]
        within = torch.cat([each - each.mean(0) for each in classes])
        common = within.T @ within / len(within)
        # a film leaves its latents uncertain, all films by the same amount
        uncertainty = log_variance[0].double().exp().diag()
        for label, each in enumerate(classes):
            centred = each - each.mean(0)
            scatter = centred.T @ centred + SHRINKAGE * common
            covariance = scatter / (len(each) + SHRINKAGE) + uncertainty
            self.means[label] = each.mean(0)
            self.factors[label] = torch.linalg.cholesky(covariance)
