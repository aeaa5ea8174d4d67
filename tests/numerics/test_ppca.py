"""The density of probabilistic PCA against the multivariate normal that it is."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from models.families.ppca.config import Config
from models.families.ppca.density import Points, fit
from models.families.ppca.model import ProbabilisticPCA
from models.families.ppca.selection import held_out, held_out_likelihood
from models.family import ImageSpec
from models.training_images import TrainingImages

SIDE = 8
PIXELS = SIDE**2


def drawn(num_images, seed, num_directions=3):
    """Images that vary along a few directions, whose second class is brighter."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(0, 1, (num_directions, PIXELS))
    directions *= np.linspace(30, 12, num_directions)[:, None]
    labels = np.arange(num_images) % 2
    flat = 120 + 12 * labels[:, None] + rng.normal(0, 1, (num_images, num_directions)) @ directions
    flat += rng.normal(0, 4, (num_images, PIXELS))
    pixels = flat.round().clip(0, 255).astype(np.uint8).reshape(-1, SIDE, SIDE)
    return TrainingImages(pixels, labels)


def everything(images):
    return images.read(torch.arange(len(images)))


def fitted(images, num_classes=2, **config):
    config = Config(**{"images_per_component": 8, "max_components": 6, **config})
    model = ProbabilisticPCA(config, ImageSpec(SIDE, num_classes))
    [stage] = model.stages()
    fractions = list(stage.conclude(images))
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    return model


def covariance_of(model):
    """W W^T + sigma^2 I, as it is written in the paper."""
    columns = model.directions.double() * (model.variances - model.noise_variance).double().sqrt()
    return columns @ columns.T + model.noise_variance.double() * torch.eye(PIXELS)


def test_likelihood_is_that_of_the_multivariate_normal():
    model = fitted(drawn(400, seed=0))
    others = everything(drawn(20, seed=1))
    found = model.log_likelihood(others)
    means = model.center.double() + model.class_means.double() @ model.directions.double().T
    for label in range(2):
        normal = multivariate_normal(means[label].numpy(), covariance_of(model).numpy())
        expected = torch.from_numpy(normal.logpdf(others.flatten(1).double().numpy()))
        torch.testing.assert_close(found[:, label], expected, rtol=1e-5, atol=1e-3)


def test_of_one_class_it_is_the_maximum_likelihood_solution():
    """Tipping & Bishop 1999, eq. 7 and 8: whatever is changed, the images are less likely."""
    images = drawn(300, seed=0)
    images = TrainingImages(np.asarray(images._pixels), np.zeros(300, np.int64))
    model = fitted(images, num_classes=1)
    batch, labels = everything(images), images.labels
    best = model.membership_score(batch, labels).mean()
    rng = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        for size in (0.02, -0.02):
            before = tensor.clone()
            scale = tensor.abs().mean().clamp_min(1e-3)
            tensor.add_(size * scale * torch.randn(tensor.shape, generator=rng))
            if name == "directions":
                tensor.copy_(torch.linalg.qr(tensor)[0] @ torch.diag(_signs(before, tensor)))
            if name == "variances":
                tensor.clamp_(min=float(model.noise_variance))
            worse = model.membership_score(batch, labels).mean()
            assert worse <= best + 1e-4, (name, size)
            tensor.copy_(before)


def _signs(before, after):
    return torch.where((before * after).sum(0) < 0, -1.0, 1.0)


def test_axes_and_noise_are_those_of_the_sample_covariance():
    images = drawn(300, seed=0)
    images = TrainingImages(np.asarray(images._pixels), np.zeros(300, np.int64))
    model = fitted(images, num_classes=1, max_components=3)
    eigenvalues, eigenvectors = torch.linalg.eigh(
        torch.cov(everything(images).flatten(1).double().T, correction=0)
    )
    torch.testing.assert_close(model.variances, eigenvalues.flip(0)[:3].float(), rtol=1e-3, atol=0)
    torch.testing.assert_close(
        model.noise_variance, eigenvalues[:-3].mean().float(), rtol=1e-3, atol=0
    )
    overlap = (eigenvectors.flip(1)[:, :3].T.float() @ model.directions).abs()
    torch.testing.assert_close(overlap, torch.eye(3), rtol=0, atol=2e-3)


def test_as_many_components_are_chosen_as_the_images_have():
    """Three, and the one by which the classes differ."""
    images = drawn(600, seed=0)
    model = fitted(images, max_components=20)
    assert int(model._measured["num_components"]) == 4
    assert (model.directions.norm(dim=0) > 0.5).tolist() == [True] * 4 + [False] * 16
    assert (model.variances[4:] == model.noise_variance).all()


def test_axes_without_a_component_change_no_likelihood():
    batch = everything(drawn(20, seed=1))
    few, many = (fitted(drawn(600, seed=0), max_components=most) for most in (4, 20))
    torch.testing.assert_close(
        few.log_likelihood(batch), many.log_likelihood(batch), rtol=1e-4, atol=1e-2
    )


def test_held_out_likelihoods_are_those_of_the_density_with_so_many_axes():
    images = drawn(200, seed=0)
    flat = everything(images).flatten(1).double()
    left_out = held_out(images.groups)
    center = flat[~left_out].mean(0)
    axes = torch.linalg.svd(flat[~left_out] - center, full_matrices=False).Vh[:5]
    points = Points((flat - center) @ axes.T, (flat - center).square().sum(1), PIXELS)
    for num_axes in (1, 4):
        density = fit(points.along(num_axes)[~left_out], images.labels[~left_out], 2, 8)
        directions = axes[:num_axes].T @ density.rotation
        rest = torch.eye(PIXELS) - directions @ directions.T
        covariance = directions * density.variances @ directions.T + density.noise_variance * rest
        means = center + density.class_means @ directions.T
        expected = [
            multivariate_normal(means[label].numpy(), covariance.numpy()).logpdf(image.numpy())
            for image, label in zip(flat[left_out], images.labels[left_out], strict=True)
        ]
        found = held_out_likelihood(points.along(num_axes), images.labels, left_out, 2, 8)
        assert found.item() == pytest.approx(np.mean(expected), rel=1e-8)


def test_a_patient_is_held_out_with_all_images():
    groups = torch.tensor([7, 3, 3, 9, 1, 5, 5, 11, 7])
    left_out = held_out(groups)
    for patient in groups.unique():
        assert len(left_out[groups == patient].unique()) == 1
    assert 0 < left_out.sum() < len(groups)


def test_a_class_of_few_images_has_a_mean_of_few_coordinates():
    points = Points(torch.randn(70, 5).double() + 3, torch.full((70,), 500.0).double(), PIXELS)
    labels = torch.tensor([0] * 60 + [1] * 10)
    density = fit(points, labels, 3, images_per_number=8)
    along_given_axes = density.class_means @ density.rotation.T
    assert (along_given_axes.abs() > 1e-9).sum(1).tolist() == [5, 1, 0]


def test_samples_have_the_mean_and_the_covariance_of_the_density():
    from models.families.ppca.config import Sampler
    from models.seeding import ImageNoise

    model = fitted(drawn(600, seed=0))
    mixtures = torch.tensor([[0.0, 1.0]]).repeat(4000, 1)
    samples = model.sample(mixtures, ImageNoise(range(4000)), Sampler(grain=1)).flatten(1).double()
    mean = model.center.double() + model.class_means[1].double() @ model.directions.double().T
    torch.testing.assert_close(samples.mean(0), mean, rtol=0, atol=0.03)
    expected = covariance_of(model)
    assert (torch.cov(samples.T) - expected).norm() < 0.15 * expected.norm()
