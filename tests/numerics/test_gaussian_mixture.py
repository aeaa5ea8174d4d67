"""Gaussian mixtures fitted by expectation maximisation."""

import itertools

import pytest
import torch
from torch.distributions import MultivariateNormal

from models.nn.gaussian_mixture import CovariancePrior, Mixture, expectation_maximisation


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def known():
    return Mixture(
        weights=torch.tensor([0.3, 0.7]).double(),
        means=torch.tensor([[-3.0, 0.0, 1.0], [2.0, 1.0, -1.0]]).double(),
        covariances=torch.stack(
            [
                torch.tensor([[1.0, 0.6, 0.0], [0.6, 0.8, 0.1], [0.0, 0.1, 0.5]]),
                torch.tensor([[0.4, -0.1, 0.2], [-0.1, 1.2, 0.0], [0.2, 0.0, 0.9]]),
            ]
        ).double(),
    )


def points_of(mixture, num_points, rng):
    factors = torch.linalg.cholesky(mixture.covariances)
    component = torch.multinomial(mixture.weights, num_points, replacement=True, generator=rng)
    eps = torch.randn(num_points, mixture.means.shape[1], 1, generator=rng).double()
    return mixture.means[component] + (factors[component] @ eps).squeeze(2)


def weak_prior(num_dimensions):
    return CovariancePrior(torch.eye(num_dimensions).double(), strength=1e-3)


def test_density_is_that_of_the_gaussians(known, rng):
    points = points_of(known, 50, rng)
    gaussians = MultivariateNormal(known.means, known.covariances)
    expected = known.weights.log() + gaussians.log_prob(points[:, None])
    torch.testing.assert_close(known.log_joint(points), expected)


@pytest.mark.parametrize("strength", [1e-3, 50.0])
def test_log_posterior_never_falls(known, rng, strength):
    points = points_of(known, 400, rng)
    prior = CovariancePrior(torch.eye(3).double(), strength)
    steps = expectation_maximisation(points, 5, prior, rng)
    objectives = [objective for _, objective in steps]
    assert len(objectives) > 2
    assert all(after >= before for before, after in itertools.pairwise(objectives))


def test_recovers_a_known_mixture(known, rng):
    points = points_of(known, 20_000, rng)
    *_, (fitted, _) = expectation_maximisation(points, 2, weak_prior(3), rng)
    order = fitted.means[:, 0].argsort()
    close = {"rtol": 0, "atol": 0.05}
    torch.testing.assert_close(fitted.weights[order], known.weights, **close)
    torch.testing.assert_close(fitted.means[order], known.means, **close)
    torch.testing.assert_close(fitted.covariances[order], known.covariances, **close)


def test_one_gaussian_is_the_sample_mean_and_covariance(rng):
    points = torch.randn(500, 4, generator=rng).double() * 3 + 1
    *_, (fitted, _) = expectation_maximisation(points, 1, weak_prior(4), rng)
    torch.testing.assert_close(fitted.means[0], points.mean(0))
    sample_covariance = torch.cov(points.T, correction=0)
    torch.testing.assert_close(fitted.covariances[0], sample_covariance, rtol=0, atol=1e-3)


def test_a_strong_prior_decides_the_covariance(rng):
    points = torch.randn(20, 4, generator=rng).double()
    believed = torch.diag(torch.tensor([1.0, 2.0, 3.0, 4.0])).double()
    *_, (fitted, _) = expectation_maximisation(points, 1, CovariancePrior(believed, 1e9), rng)
    torch.testing.assert_close(fitted.covariances[0], believed)


def test_fewer_points_than_dimensions_still_have_a_density(rng):
    points = torch.randn(6, 16, generator=rng).double()
    prior = CovariancePrior(torch.eye(16).double(), strength=4)
    *_, (fitted, _) = expectation_maximisation(points, 2, prior, rng)
    assert torch.linalg.eigvalsh(fitted.covariances).min() > 0
    assert torch.isfinite(torch.tensor(fitted.log_likelihood(points)))
