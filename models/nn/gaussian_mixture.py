"""Full-covariance Gaussian mixtures, fitted by expectation maximisation.

The covariances are drawn towards a common one by a conjugate prior, so that a class of few films
gets a sound density too; see Fraley & Raftery 2007 (doi:10.1007/s00357-007-0004-5).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.nn.k_means import nearest, spread_out

TOLERANCE = 3e-3  # nats per point
MAX_STEPS = 100


@dataclass(frozen=True)
class Mixture:
    """A mixture of k Gaussians in d dimensions.

    Attributes:
        weights: (k,), adding up to 1.
        means: (k, d).
        covariances: (k, d, d).
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def log_joint(self, points: Tensor) -> Tensor:
        """Weigh the densities: log w_k + log N(x; mu_k, Sigma_k), (n, k)."""
        factors = torch.linalg.cholesky(self.covariances)
        whiteners = torch.linalg.inv(factors)
        squared_distances = torch.stack(
            [
                ((points - mean) @ whitener.T).square().sum(1)
                for mean, whitener in zip(self.means, whiteners, strict=True)
            ],
            dim=1,
        )  # (n, k)
        log_determinants = 2 * factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constants = points.shape[1] * math.log(2 * math.pi) + log_determinants
        log_joint: Tensor = self.weights.log() - 0.5 * (squared_distances + constants)
        return log_joint

    def log_likelihood(self, points: Tensor) -> float:
        """Mean over (n, d) points of log p(x), in nats."""
        return float(self.log_joint(points).logsumexp(1).mean())


@dataclass(frozen=True)
class CovariancePrior:
    """What is believed of each covariance before any point is seen.

    Attributes:
        covariance: (d, d), the expected one; positive definite.
        strength: How many points the belief counts for.
    """

    covariance: Tensor
    strength: float

    def log_density(self, covariances: Tensor) -> float:
        """-strength/2 (log|Sigma| + tr(Sigma^-1 Sigma_0)), over all (k, d, d), in nats."""
        traces = torch.linalg.solve(covariances, self.covariance).diagonal(dim1=-2, dim2=-1).sum(-1)
        return float(-0.5 * self.strength * (torch.logdet(covariances) + traces).sum())


def expectation_maximisation(
    points: Tensor, num_components: int, prior: CovariancePrior, rng: torch.Generator
) -> Iterator[tuple[Mixture, float]]:
    """Fit a mixture, better with every step.

    Args:
        points: (n, d), float64, n at least `num_components`.
        num_components: Number of Gaussians.
        prior: Regularises the covariances.
        rng: Chooses where the means begin.

    Yields:
        The mixture, and its log posterior per point, which never falls; ends when it stands still.

    Reference: Dempster et al. 1977; Bishop 2006, section 9.2.2.
    """
    centres = spread_out(points, num_components, rng)
    responsibilities = F.one_hot(nearest(points, centres), num_components).to(points.dtype)
    previous = -math.inf
    for _ in range(MAX_STEPS):
        mixture = _maximise(points, responsibilities, prior)
        log_joint = mixture.log_joint(points)
        log_evidence = log_joint.logsumexp(1, keepdim=True)
        objective = float(log_evidence.mean())
        objective += prior.log_density(mixture.covariances) / len(points)
        yield mixture, objective
        if objective - previous < TOLERANCE:
            return
        previous = objective
        responsibilities = (log_joint - log_evidence).exp()


def _maximise(points: Tensor, responsibilities: Tensor, prior: CovariancePrior) -> Mixture:
    counts = responsibilities.sum(0).clamp_min(1e-9)  # (k,)
    means = responsibilities.T @ points / counts[:, None]
    scatter = torch.stack(
        [
            (points - mean).T @ ((points - mean) * responsibility[:, None])
            for mean, responsibility in zip(means, responsibilities.T, strict=True)
        ]
    )  # (k, d, d)
    pulled = scatter + prior.strength * prior.covariance
    covariances = pulled / (counts + prior.strength)[:, None, None]
    return Mixture(counts / counts.sum(), means, covariances)
