"""The bound of a variational autoencoder that is linear, against the likelihood of linear models.

Where both halves are linear and the posterior is the exact one, nothing is lost
(Lucas et al. 2019, arXiv:1911.02469).
"""

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from models.config import Circumstances
from models.families.ppca.density import Points, log_likelihood
from models.families.vae.aggregate import AggregatePosterior
from models.families.vae.model import VariationalAutoencoder
from models.family import ImageSpec
from models.presets import resolve_config
from models.training_images import TrainingImages

PIXELS = 64**2
NOISE_OF_DRAWS = 8  # nats: four draws of eight latents


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    coarse = rng.normal(0, 20, (130, 4, 4)).repeat(16, 1).repeat(16, 2)
    pixels = (128 + coarse + rng.normal(0, 8, (130, 64, 64))).clip(0, 255).astype(np.uint8)
    return TrainingImages(pixels, np.arange(130) % 2)


@pytest.fixture
def linear(images):
    """An autoencoder before its first update, about the linear beginning of both halves."""
    torch.manual_seed(0)
    config = resolve_config("vae", "tiny", {}, Circumstances(64))
    model = VariationalAutoencoder(config, ImageSpec(64, 2)).eval()
    list(model.principal.fit(images))
    model.deviation.copy_(model.principal.noise_variance.sqrt())
    return model


def in_nats(model, batch, labels):
    with torch.no_grad():
        return PIXELS * model.likelihood_score(batch, labels)


def test_the_bound_of_a_linear_model_is_its_likelihood(images, linear):
    batch, labels = images.read(torch.arange(10)), images.labels[:10]
    principal = linear.principal
    centred = (batch.flatten(1) - principal.center).double()
    points = Points(centred @ principal.directions.double(), centred.square().sum(1), PIXELS)
    means = torch.zeros(1, principal.directions.shape[1]).double()
    exact = log_likelihood(
        points, means, principal.variances.double(), principal.noise_variance.double()
    )[:, 0]
    bound = in_nats(linear, batch, labels).double()
    torch.testing.assert_close(bound, exact, rtol=0, atol=NOISE_OF_DRAWS)


def test_another_density_of_the_latents_makes_the_bound_lower(images, linear):
    batch, labels = images.read(torch.arange(10)), images.labels[:10]
    before = in_nats(linear, batch, labels)
    linear.aggregate.means[1] += 30
    after = in_nats(linear, batch, labels)
    torch.testing.assert_close(after[labels == 0], before[labels == 0])
    assert (after < before - 100)[labels == 1].all()


def test_a_bound_repeats_and_noise_is_less_likely(images, linear):
    batch, labels = images.read(torch.arange(10)), images.labels[:10]
    assert torch.equal(in_nats(linear, batch, labels), in_nats(linear, batch, labels))
    noise = 2 * torch.rand(10, 1, 64, 64) - 1
    assert in_nats(linear, noise, labels).max() < in_nats(linear, batch, labels).min()


def test_divergence_from_the_density_of_a_class_is_that_of_normal_distributions():
    torch.manual_seed(0)
    aggregate = AggregatePosterior(3, 2)
    aggregate.take(torch.randn(2, 3), torch.stack([torch.eye(3), _covariance(3)]))
    mean, log_variance = torch.randn(6, 3), torch.randn(6, 3)
    labels = torch.arange(6) % 2
    found = aggregate.divergence(mean, log_variance, labels)
    for k, label in enumerate(labels.tolist()):
        posterior = MultivariateNormal(mean[k], torch.diag(log_variance[k].exp()))
        density = MultivariateNormal(aggregate.means[label], scale_tril=aggregate.factors[label])
        torch.testing.assert_close(found[k], kl_divergence(posterior, density))
    standard = AggregatePosterior(3, 2).divergence(mean, log_variance, labels)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    torch.testing.assert_close(standard, kl_divergence(posterior, Normal(0.0, 1.0)).sum(1))


def _covariance(size):
    root = torch.randn(size, size)
    return root @ root.T + torch.eye(size)
