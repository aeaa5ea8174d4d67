"""Images as a few cosines: a linear code that is the same for all images and fitted to none."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAX_SIDE = 64  # larger images are halved first: the cosines kept are smooth


class CosineComponents(nn.Module):
    """The lowest frequencies of the discrete cosine transform, the lowest first.

    Nearly as compact as principal components, which smooth images resemble, but principal
    components are made of the images that they were fitted to and tell which these were. Here
    nothing is fitted, and nothing is stored with a model.

    Args:
        size: Side of the square images.
        num_components: How many; at most as many as there are pixels.

    Reference: Ahmed et al. 1974 (doi:10.1109/T-C.1974.223784).
    """

    cosines: Tensor
    rows: Tensor
    columns: Tensor

    def __init__(self, size: int, num_components: int) -> None:
        super().__init__()
        self._size = size
        self._side = min(size, MAX_SIDE)
        frequency = torch.arange(self._side)
        squared = (frequency[:, None] ** 2 + frequency**2).flatten()
        lowest = squared.argsort(stable=True)[:num_components]
        place = (torch.arange(self._side, dtype=torch.float64) + 0.5) * math.pi / self._side
        cosines = math.sqrt(2) * torch.cos(place[:, None] * frequency)  # (side, side)
        cosines[:, 0] = 1
        # mean square 1 over the image, whatever its side
        self.register_buffer("cosines", cosines.float(), persistent=False)
        self.register_buffer("rows", lowest // self._side, persistent=False)
        self.register_buffer("columns", lowest % self._side, persistent=False)

    def encode(self, images: Tensor) -> Tensor:
        """Return the components, (b, num_components), of (b, 1, h, w) images."""
        if self._side < self._size:
            images = F.interpolate(images, (self._side, self._side), mode="area")
        with torch.autocast(images.device.type, enabled=False):
            transformed = self.cosines.T @ images.squeeze(1) @ self.cosines / self._side**2
        return transformed[:, self.rows, self.columns]

    def decode(self, components: Tensor) -> Tensor:
        """Return the images, (b, 1, h, w), that (b, num_components) add up to."""
        grid = components.new_zeros(len(components), self._side, self._side)
        grid[:, self.rows, self.columns] = components
        with torch.autocast(components.device.type, enabled=False):
            images: Tensor = (self.cosines @ grid @ self.cosines.T).unsqueeze(1)
        if self._side < self._size:
            images = F.interpolate(images, (self._size, self._size), mode="bilinear")
        return images
