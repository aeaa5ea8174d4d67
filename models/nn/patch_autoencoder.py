"""Autoencoders that work on patches, so that every convolution runs at the latents' size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nn.blocks import ResidualBlock, group_norm, zero_conv
from models.nn.pca import Moments, patches_of

# before training, the encoder is this sure of its latents, which have unit variance
FIRST_LOG_VARIANCE = -6.0
PIXEL_LOG_VARIANCE = -20.0  # as sure as an encoder may be


class Posterior(NamedTuple):
    """What the encoder says of an image's latents: independent normals, each (b, c, h, w)."""

    mean: Tensor
    log_variance: Tensor

    def draw(self) -> Tensor:
        """Draw latents from torch's global source."""
        return self.mean + (0.5 * self.log_variance).exp() * torch.randn_like(self.mean)

    def kl(self) -> Tensor:
        """Give the divergence from the standard normal, in nats per latent.

        Reference: Kingma & Welling 2014, appendix B (arXiv:1312.6114).
        """
        variance = self.log_variance.exp()
        return 0.5 * (self.mean.square() + variance - 1 - self.log_variance).mean()


class PatchAutoencoder(nn.Module):
    """Principal components of the patches, and convolutions that learn what these miss.

    The components are the best linear autoencoder and are fitted in one pass over the images. The
    convolutions begin by adding nothing to them, so that training begins where the linear one ends.

    Args:
        patch_size: Side of the square patches, in pixels; divides the image's side.
        latent_channels: Components kept; at most patch_size^2, the pixels of a patch.
        channels: Width of the convolutions; a multiple of 8.
        num_blocks: Residual blocks in each half.

    Reference: Baldi & Hornik 1989, section 3, for the linear path.
    """

    patch_mean: Tensor
    components: Tensor
    deviations: Tensor
    fitted: Tensor

    def __init__(
        self, *, patch_size: int, latent_channels: int, channels: int, num_blocks: int
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        num_pixels = patch_size**2
        self.register_buffer("patch_mean", torch.zeros(num_pixels))
        self.register_buffer("components", torch.zeros(num_pixels, latent_channels))
        self.register_buffer("deviations", torch.ones(latent_channels))
        self.register_buffer("fitted", torch.tensor(False))
        self.encoder = correction(num_pixels, 2 * latent_channels, channels, num_blocks)
        self.decoder = correction(latent_channels, num_pixels, channels, num_blocks)

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> Iterator[None]:
        """Fit the components to images, one batch (b, 1, h, w) at a time."""
        moments = Moments(len(self.patch_mean))
        for images in batches:
            moments.add(patches_of(images, self.patch_size))
            yield
        center, directions, variances = moments.axes()
        kept = slice(-len(self.deviations), None)
        self.patch_mean.copy_(center)
        self.components.copy_(directions[:, kept])
        self.deviations.copy_(variances[kept].clamp_min(1e-8).sqrt())
        self.fitted.fill_(value=True)

    def encode(self, images: Tensor) -> Posterior:
        """Map images (b, 1, h, w) to the distribution of their latents (b, c, h / p, w / p)."""
        patches = self._patches(images)
        centred = patches - self.patch_mean[:, None, None]
        linear = torch.einsum("bphw,pc->bchw", centred, self.components / self.deviations)
        missed, log_variance = self.encoder(patches).float().chunk(2, dim=1)
        # the product leaves the channels last, as networks on the latents would then on a CPU too
        return Posterior(
            linear.contiguous() + missed, (log_variance + FIRST_LOG_VARIANCE).clamp(-20, 5)
        )

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents (b, c, h / p, w / p) to images (b, 1, h, w)."""
        linear = torch.einsum("bchw,pc->bphw", latents, self.components * self.deviations)
        patches = linear + self.patch_mean[:, None, None] + self.decoder(latents).float()
        return F.pixel_shuffle(patches, self.patch_size)

    def _patches(self, images: Tensor) -> Tensor:
        return F.pixel_unshuffle(images, self.patch_size)


def correction(in_channels: int, out_channels: int, channels: int, num_blocks: int) -> nn.Module:
    """Build convolutions that start at zero everywhere."""
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 3, padding=1),
        *(ResidualBlock(channels, channels) for _ in range(num_blocks)),
        group_norm(channels),
        nn.SiLU(),
        zero_conv(channels, out_channels),
    )


class PixelPatches(nn.Module):
    """Rearranges the pixels of square patches into channels, and loses nothing.

    Args:
        patch_size: Side of the patches, in pixels; 1 leaves an image as it is.

    Reference: Shi et al. 2016, eq. 4, and its inverse (arXiv:1609.05158).
    """

    deviations: Tensor

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.register_buffer("deviations", torch.ones(patch_size**2))

    def encode(self, images: Tensor) -> Posterior:
        """Map images (b, 1, h, w) to patches (b, p^2, h / p, w / p)."""
        patches = F.pixel_unshuffle(images, self.patch_size)
        return Posterior(patches, torch.full_like(patches, PIXEL_LOG_VARIANCE))

    def decode(self, patches: Tensor) -> Tensor:
        """Map patches (b, p^2, h / p, w / p) to images (b, 1, h, w)."""
        return F.pixel_shuffle(patches, self.patch_size)
