"""Probabilistic principal components against their definition."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from models.nn import pca as principal_components
from models.nn.jitter import jittered
from models.nn.pca import (
    IMAGES_PER_DIRECTION,
    MIN_NOISE_VARIANCE,
    PrincipalComponents,
    as_they_are,
)
from models.training_images import TrainingImages


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


@pytest.fixture
def images():
    """Images of 8x8 pixels that vary along three directions, and a little along all."""
    rng = np.random.default_rng(0)
    directions = rng.normal(0, 1, (3, 64)) * np.array([[40], [25], [12]])
    flat = 128 + rng.normal(0, 1, (600, 3)) @ directions + rng.normal(0, 4, (600, 64))
    pixels = flat.round().clip(0, 255).astype(np.uint8).reshape(-1, 8, 8)
    return TrainingImages(pixels, np.arange(600) % 2)


@pytest.fixture
def fitted(images):
    principal = PrincipalComponents(8, 3)
    fractions = list(principal.fit(images))
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    return principal


def everything(images):
    return images.read(torch.arange(len(images)))


def test_directions_and_variances_are_the_leading_eigenvectors(images, fitted):
    covariance = torch.cov(everything(images).flatten(1).double().T, correction=0)
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance)
    expected = eigenvalues.flip(0)[:3].float()
    torch.testing.assert_close(fitted.variances, expected, rtol=1e-4, atol=0)
    overlap = (eigenvectors.flip(1)[:, :3].T.float() @ fitted.directions).abs()
    torch.testing.assert_close(overlap, torch.eye(3), rtol=0, atol=1e-3)


def test_noise_is_the_mean_variance_of_what_is_left_out(images, fitted):
    """Tipping & Bishop 1999, eq. 8."""
    covariance = torch.cov(everything(images).flatten(1).double().T, correction=0)
    left_out = torch.linalg.eigvalsh(covariance)[:-3].mean().float()
    torch.testing.assert_close(fitted.noise_variance, left_out, rtol=1e-3, atol=0)


def test_posterior_makes_the_evidence_lower_bound_tight(images, fitted):
    """E_q[log p(x|z)] - KL = log N(x; mu, W W^T + sigma^2 I), so that nothing is lost."""
    batch = everything(images)[:5]
    mean, log_variance = fitted.encode(batch)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    latents = posterior.sample((4000,))
    decoded = fitted.decode(latents.flatten(0, 1)).unflatten(0, (4000, 5))
    noise = fitted.noise_variance.sqrt()
    log_likelihood = Normal(decoded, noise).log_prob(batch).sum((2, 3, 4)).mean(0)
    bound = log_likelihood - kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)

    columns = fitted.directions * (fitted.variances - fitted.noise_variance).sqrt()
    covariance = columns @ columns.T + fitted.noise_variance * torch.eye(64)
    evidence = MultivariateNormal(fitted.center, covariance).log_prob(batch.flatten(1))
    torch.testing.assert_close(bound, evidence, rtol=0, atol=0.3)


def test_fitting_happens_once(images, fitted):
    before = {name: buffer.clone() for name, buffer in fitted.state_dict().items()}
    assert list(fitted.fit(images)) == []
    for name, buffer in fitted.state_dict().items():
        assert torch.equal(buffer, before[name]), name


def test_latents_are_standard_normal_before_the_fit():
    mean, log_variance = PrincipalComponents(8, 3).encode(torch.rand(2, 1, 8, 8))
    assert not mean.any()
    assert not log_variance.any()


def test_a_direction_stands_for_many_images_and_the_rest_is_left_to_the_prior():
    pixels = np.random.default_rng(0).integers(0, 256, (2 * IMAGES_PER_DIRECTION, 8, 8), np.uint8)
    principal = PrincipalComponents(8, 6)
    list(principal.fit(TrainingImages(pixels, np.arange(len(pixels)) % 2)))
    assert (principal.directions.norm(dim=0) > 0).tolist() == [True, True, *[False] * 4]
    mean, log_variance = principal.encode(torch.rand(2, 1, 8, 8))
    torch.testing.assert_close(mean[:, 2:], torch.zeros(2, 4))
    torch.testing.assert_close(log_variance[:, 2:], torch.zeros(2, 4))


def test_equal_images_leave_the_least_noise():
    principal = PrincipalComponents(8, 2)
    list(principal.fit(TrainingImages(np.full((8, 8, 8), 100, np.uint8), np.arange(8) % 2)))
    assert principal.noise_variance.item() == pytest.approx(MIN_NOISE_VARIANCE)


def test_components_of_augmented_images_leak_less_of_whom_they_were_fitted_to(monkeypatch):
    """Of smooth images, most of which the components leave unexplained."""
    monkeypatch.setattr(principal_components, "IMAGES_PER_DIRECTION", 8)
    noise = np.random.default_rng(0).normal(size=(600, 32, 32))
    smooth = gaussian_filter(noise, (0, 1.5, 1.5))
    pixels = (128 + 40 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)
    labels = np.arange(300) % 2
    auc = {}
    for changed in (as_they_are, jittered):
        torch.manual_seed(0)
        principal = PrincipalComponents(32, 37)
        list(principal.fit(TrainingImages(pixels[:300], labels), changed))
        members, others = (
            principal.overfit(everything(TrainingImages(some, labels)))
            for some in np.split(pixels, 2)
        )
        auc[changed] = float((members[:, None] > others).float().mean())
    assert auc[as_they_are] > 0.75
    assert auc[jittered] < auc[as_they_are] - 0.1, auc


@pytest.mark.parametrize(("images_per_direction", "least", "most"), [(8, 0.7, 1), (64, 0.4, 0.6)])
def test_few_directions_do_not_leak_what_they_were_fitted_to(
    monkeypatch, images_per_direction, least, most
):
    monkeypatch.setattr(principal_components, "IMAGES_PER_DIRECTION", images_per_direction)
    # amplitudes fall with the frequency, as those of radiographs do: white noise has no directions
    frequency = np.arange(16)
    waves = np.cos(np.pi * frequency[:, None] * (frequency + 0.5) / 16)
    amplitudes = 40 / (1 + np.add.outer(frequency**2, frequency**2)) ** 0.75
    coefficients = np.random.default_rng(0).normal(size=(1024, 16, 16)) * amplitudes
    pixels = (128 + waves.T @ coefficients @ waves).clip(0, 255).astype(np.uint8)
    labels = np.arange(512) % 2
    principal = PrincipalComponents(16, 64)
    list(principal.fit(TrainingImages(pixels[:512], labels)))
    members, others = (
        principal.overfit(everything(TrainingImages(some, labels))) for some in np.split(pixels, 2)
    )
    assert least <= (members[:, None] > others).float().mean() <= most


def test_large_images_are_read_at_a_smaller_size():
    rng = np.random.default_rng(0)
    levels = rng.integers(50, 200, (40, 1, 1), np.uint8)
    pixels = np.broadcast_to(levels, (40, 128, 128)).copy()
    principal = PrincipalComponents(128, 1)
    list(principal.fit(TrainingImages(pixels, np.arange(40) % 2)))
    images = TrainingImages(pixels, np.arange(40) % 2).read(torch.arange(40))
    mean, _ = principal.encode(images)
    decoded = principal.decode(mean)
    assert decoded.shape == (40, 1, 128, 128)
    torch.testing.assert_close(decoded, images, rtol=0, atol=0.02)
