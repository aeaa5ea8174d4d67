import torch

from models.diffusion.paths import PATHS, along_path
from models.families.gan.class_gaussians import ClassGaussians

STRAIGHT = PATHS["straight"]


def test_before_the_fit_the_velocity_is_that_of_standard_normal_vectors():
    x, level = torch.randn(4, 3), STRAIGHT.level(torch.tensor(0.25))
    velocities = ClassGaussians(3, 2)(x, level, torch.zeros(4, dtype=torch.int64))
    torch.testing.assert_close(velocities, (0.25 - 0.75) / (0.25**2 + 0.75**2) * x)


def test_the_velocity_is_the_mean_of_noise_less_vector():
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(20_000) % 2
    turned = torch.tensor([[1.0, 0.0], [0.8, 0.3]])
    vectors = torch.randn(20_000, 2, generator=rng) @ turned.T + 3.0 * labels[:, None]
    gaussians = ClassGaussians(2, 2)
    gaussians.fit(vectors[None], labels)
    noise = torch.randn(20_000, 2, generator=rng)
    level = STRAIGHT.level(torch.tensor(0.5))
    x_t = along_path(vectors, noise, level)
    errors = noise - vectors - gaussians(x_t, level, labels)
    # what is left is uncorrelated with the place, as a regression's errors are
    torch.testing.assert_close(errors.mean(0), torch.zeros(2), rtol=0, atol=0.05)
    torch.testing.assert_close(errors.T @ x_t / 20_000, torch.zeros(2, 2), rtol=0, atol=0.1)


def test_a_mixture_mixes_velocities():
    gaussians = ClassGaussians(3, 2)
    gaussians.means[1] = 2
    x, level = torch.randn(4, 3), STRAIGHT.level(torch.tensor(0.5))
    first, second = (gaussians(x, level, torch.full((4,), label)) for label in (0, 1))
    mixed = gaussians(x, level, torch.full((4, 2), 0.5))
    torch.testing.assert_close(mixed, (first + second) / 2)


def test_density_is_highest_at_the_mean():
    gaussians = ClassGaussians(3, 2)
    gaussians.means[1] = 2
    labels = torch.tensor([0, 1])
    at_means = gaussians.log_density(gaussians.means, labels)
    assert (at_means > gaussians.log_density(gaussians.means + 0.5, labels)).all()


def test_classes_share_the_spread_about_their_means():
    rng = torch.Generator().manual_seed(0)
    labels = torch.tensor([0] * 5000 + [1] * 15_000)
    spread = torch.where(labels == 0, 1.0, 2.0)[:, None]
    vectors = spread * torch.randn(20_000, 3, generator=rng) + 5.0 * labels[:, None]
    gaussians = ClassGaussians(3, 2)
    gaussians.fit(vectors[None], labels)
    torch.testing.assert_close(gaussians.variances, torch.full((3,), 3.25), rtol=0.05, atol=0)
