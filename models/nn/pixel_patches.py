"""The patches of an image as they are, where diffusion is to work on pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nn.patch_autoencoder import Posterior

LOG_VARIANCE = -20.0  # as sure as an encoder may be


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
        return Posterior(patches, torch.full_like(patches, LOG_VARIANCE))

    def decode(self, patches: Tensor) -> Tensor:
        """Map patches (b, p^2, h / p, w / p) to images (b, 1, h, w)."""
        return F.pixel_shuffle(patches, self.patch_size)
