"""The density of a class's latents over all its films, to draw new latents from.

The aggregate posterior q(z|y) = mean over the films x of class y of q(z|x, y) is what the decoder
has learnt to read; the standard normal prior covers it badly (Tomczak & Welling 2018, section 2,
arXiv:1705.07120).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from models.families.vae.config import Config
from models.films import Films
from models.nn.gaussian_mixture import CovariancePrior, Mixture, expectation_maximisation
from models.seeding import ImageNoise

SEED = 0
DRAWS_PER_FILM = 2
SET_ASIDE = 5  # one film in so many chooses the number of Gaussians
MIN_FILMS_PER_COMPONENT = 16
FILMS_PER_READING = 64

Encode = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class AggregatePosterior(nn.Module):
    """A Gaussian mixture for the latents of each class; the standard normal until fitted."""

    fitted: Tensor
    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, config: Config, num_classes: int) -> None:
        super().__init__()
        self._config = config
        k, d = config.num_components, config.num_latents
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("weights", torch.full((num_classes, k), 1 / k))
        self.register_buffer("means", torch.zeros(num_classes, k, d))
        self.register_buffer("factors", torch.eye(d).repeat(num_classes, k, 1, 1))

    def forward(self, mixtures: Tensor, noise: ImageNoise, temperature: float) -> Tensor:
        """Draw latents, (b, num_latents), for mixtures of classes (b, num_classes).

        One draw is made of every class from the same noise, and the draws are mixed.
        """
        cumulative = self.weights.cumsum(1)  # (num_classes, k)
        chosen = (noise.uniform(1, 1) >= cumulative).sum(2).clamp_max(cumulative.shape[1] - 1)
        classes = torch.arange(len(cumulative), device=chosen.device)
        factors, means = self.factors[classes, chosen], self.means[classes, chosen]
        spread = (factors @ noise.normal(1, self._config.num_latents, 1)).squeeze(3)
        drawn = means + temperature * spread  # (b, num_classes, num_latents)
        return (mixtures[:, :, None] * drawn).sum(1)

    def fit(self, encode: Encode, films: Films) -> Iterator[float]:
        """Fit the mixtures to the films; yields the fraction done."""
        latents = torch.empty(len(films), DRAWS_PER_FILM, self._config.num_latents).double()
        rng = torch.Generator().manual_seed(SEED)
        for indices in films.in_order(FILMS_PER_READING):
            mean, log_variance = encode(films.images(indices), films.labels[indices])
            eps = torch.randn(len(indices), *latents.shape[1:], generator=rng)
            spread = (0.5 * log_variance).exp().cpu()[:, None] * eps
            latents[indices.cpu()] = (mean.cpu()[:, None] + spread).double()
            yield 0.5 * int(indices[-1]) / len(films)

        classes = [latents[films.labels.cpu() == label] for label in range(films.num_classes)]
        within = torch.cat([each - each.mean((0, 1)) for each in classes]).flatten(0, 1)
        common = within.T @ within / len(within)
        strength = self._config.mixture_shrinkage * DRAWS_PER_FILM
        prior = CovariancePrior(common + 1e-6 * torch.eye(len(common)), strength)
        for label, each in enumerate(classes):
            for mixture in _fit_class(each, prior, self._config.num_components, rng):
                self._store(label, mixture)
                yield 0.5 + 0.5 * label / len(classes)
        self.fitted.fill_(value=True)

    def log_density(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Give log p(z|y) of latents (b, num_latents) of classes (b,), up to a constant: (b,)."""
        densities = torch.full((len(latents), self.weights.shape[1]), -math.inf).to(latents)
        for label in labels.unique().tolist():
            own = labels == label
            for k in (self.weights[label] > 0).nonzero().flatten().tolist():
                factor = self.factors[label, k]
                offset = (latents[own] - self.means[label, k]).T
                standard = torch.linalg.solve_triangular(factor, offset, upper=False)
                size = self.weights[label, k].log() - factor.diagonal().log().sum()
                densities[own, k] = size - 0.5 * standard.square().sum(0)
        return densities.logsumexp(1)

    def take(self, means: Tensor, covariances: Tensor) -> None:
        """Take over one Gaussian for each class, (c, d) and (c, d, d)."""
        for label, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
            self._store(label, Mixture(mean.new_ones(1), mean[None], covariance[None]))
        self.fitted.fill_(value=True)

    def _store(self, label: int, mixture: Mixture) -> None:
        k = len(mixture.weights)
        self.weights[label] = 0
        self.weights[label, :k] = mixture.weights
        self.means[label, :k] = mixture.means
        self.factors[label, :k] = torch.linalg.cholesky(mixture.covariances)


def _fit_class(
    latents: Tensor, prior: CovariancePrior, max_components: int, rng: torch.Generator
) -> Iterator[Mixture]:
    """Fit (n, draws, d) latents by as many Gaussians as explain films set aside best.

    Yields:
        Mixtures on the way; the last is the answer.
    """
    shuffled = latents[torch.randperm(len(latents), generator=rng)]
    num_aside = max(1, len(latents) // SET_ASIDE)
    aside, rest = shuffled[:num_aside].flatten(0, 1), shuffled[num_aside:].flatten(0, 1)
    chosen, likeliest, num_components = 1, -math.inf, 1
    while num_components <= min(max_components, max(1, len(latents) // MIN_FILMS_PER_COMPONENT)):
        for mixture, _ in expectation_maximisation(rest, num_components, prior, rng):
            yield mixture
        likelihood = mixture.log_likelihood(aside)
        if likelihood <= likeliest:
            break
        chosen, likeliest = num_components, likelihood
        num_components *= 2
    for mixture, _ in expectation_maximisation(latents.flatten(0, 1), chosen, prior, rng):
        yield mixture
    yield _without_few(mixture, len(latents))


def _without_few(mixture: Mixture, num_films: int) -> Mixture:
    """Leave out Gaussians of so few films that what is drawn from them resembles these."""
    fewest = min(MIN_FILMS_PER_COMPONENT, num_films)
    kept = mixture.weights * num_films >= fewest
    weights = mixture.weights[kept]
    return Mixture(weights / weights.sum(), mixture.means[kept], mixture.covariances[kept])
