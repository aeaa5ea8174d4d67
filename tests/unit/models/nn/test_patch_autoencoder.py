import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.nn.image_losses import gradient_loss
from models.nn.patch_autoencoder import PatchAutoencoder, Posterior


@pytest.fixture
def images() -> Tensor:
    torch.manual_seed(0)
    rough = torch.randn(24, 1, 16, 16)
    return F.avg_pool2d(rough, 3, stride=1, padding=1)


def fitted(images: Tensor, latent_channels: int) -> PatchAutoencoder:
    autoencoder = PatchAutoencoder(
        patch_size=4, latent_channels=latent_channels, channels=8, num_blocks=1
    )
    for _ in autoencoder.fit(images.split(7)):
        pass
    return autoencoder


def test_all_components_reconstruct_the_image(images: Tensor) -> None:
    autoencoder = fitted(images, latent_channels=16)
    torch.testing.assert_close(
        autoencoder.decode(autoencoder.encode(images).mean), images, atol=1e-4, rtol=0
    )


def test_linear_error_is_the_variance_left_out(images: Tensor) -> None:
    autoencoder = fitted(images, latent_channels=6)
    with torch.no_grad():
        error = F.mse_loss(autoencoder.decode(autoencoder.encode(images).mean), images)
    patches = F.pixel_unshuffle(images, 4).movedim(1, -1).reshape(-1, 16)
    left_out = torch.linalg.eigvalsh(torch.cov(patches.T, correction=0))[:-6]
    assert float(error) == pytest.approx(float(left_out.sum()) / 16, rel=1e-3)


def test_linear_latents_are_white(images: Tensor) -> None:
    latents = fitted(images, latent_channels=6).encode(images).mean.movedim(1, -1).reshape(-1, 6)
    torch.testing.assert_close(torch.cov(latents.T, correction=0), torch.eye(6), atol=1e-4, rtol=0)


def test_latents_lie_in_memory_as_networks_on_a_cpu_are_fastest(images: Tensor) -> None:
    assert fitted(images, latent_channels=4).encode(images).mean.is_contiguous()


def test_gradients_reach_both_halves(images: Tensor) -> None:
    autoencoder = fitted(images, latent_channels=6)
    posterior = autoencoder.encode(images)
    loss = F.l1_loss(autoencoder.decode(posterior.draw()), images) + posterior.kl()
    loss.backward()
    last_layers = [autoencoder.encoder[-1], autoencoder.decoder[-1]]
    assert all(layer.weight.grad.abs().sum() > 0 for layer in last_layers)


def test_divergence_is_zero_at_the_standard_normal_and_positive_elsewhere() -> None:
    zeros = torch.zeros(2, 3, 4, 4)
    assert Posterior(zeros, zeros).kl() == 0
    assert Posterior(zeros + 1, zeros).kl() == pytest.approx(0.5)
    assert Posterior(zeros, zeros - 1).kl() > 0


def test_draws_have_the_posteriors_mean_and_variance() -> None:
    torch.manual_seed(0)
    shape = (100_000, 1, 1, 1)
    draws = Posterior(torch.full(shape, 2.0), torch.full(shape, 0.25).log()).draw()
    assert float(draws.mean()) == pytest.approx(2, abs=0.01)
    assert float(draws.std()) == pytest.approx(0.5, abs=0.01)


def test_gradient_loss_sees_edges_and_no_brightness(images: Tensor) -> None:
    assert gradient_loss(images, images) == 0
    assert gradient_loss(images, images + 1) == pytest.approx(0, abs=1e-6)
    assert gradient_loss(images, images.roll(1, dims=-1)) > 0.01


def test_gradient_loss_of_a_ramp_is_its_slope() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    # 1 per pixel across, 0 down; halving the side doubles the slope
    assert gradient_loss(ramp, torch.zeros_like(ramp), num_scales=2) == pytest.approx(1.5)
