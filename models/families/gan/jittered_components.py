"""Principal components of changed images: compact, and leaking little of whom they were fitted to.

The components of images as they are turn towards these very images: 192 components of 4,612
radiographs at 64 px separate them from others with an AUC of 0.69. Seen with small changes, the
images look like many more, and their components separate them with 0.51, though they leave no more
of other images unexplained.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.nn.jitter import jittered
from models.nn.pca import Moments
from models.training_images import TrainingImages

MAX_SIDE = 64  # larger images are halved first: the cosines kept are smooth


NUM_COSINES = 1024  # in which the components are sought; they leave 1.5 % of a radiograph
NUM_CHANGED = 30_000  # changed images to learn from, and at most so many of one:
MAX_CHANGED = 64
IMAGES_PER_READING = 256
MIN_SCALE = 1e-3  # of a component, in image units


class CosineComponents(nn.Module):
    """The lowest frequencies of the discrete cosine transform, the lowest first.

    Nearly as compact as principal components, which smooth images resemble, but principal
    components are made of the images that they were fitted to and disclose which these were. Here
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


class JitteredComponents(nn.Module):
    """A linear code with mean 0 and variance 1 in each direction, over changed images.

    Until `fit` has run, latents are coefficients of the lowest cosines.

    Args:
        size: Side of the square images.
        num_components: How many.
    """

    fitted: Tensor
    center: Tensor
    directions: Tensor
    scale: Tensor

    def __init__(self, size: int, num_components: int) -> None:
        super().__init__()
        num_cosines = max(num_components, min(NUM_COSINES, size**2 // 2))
        self.cosines = CosineComponents(size, num_cosines)
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("center", torch.zeros(num_cosines))
        self.register_buffer("directions", torch.eye(num_cosines, num_components))
        self.register_buffer("scale", torch.ones(num_components))

    def encode(self, images: Tensor) -> Tensor:
        """Read the latents, (b, num_components), of (b, 1, h, w) images."""
        return self._latents(self.cosines.encode(images))

    def decode(self, latents: Tensor) -> Tensor:
        """Return the images, (b, 1, h, w), that latents (b, num_components) stand for."""
        with torch.autocast(latents.device.type, enabled=False):
            coefficients = self.center + (latents * self.scale) @ self.directions.T
        return self.cosines.decode(coefficients)

    def membership_score(self, images: Tensor) -> Tensor:
        """Score how little of images (b, 1, h, w) lies outside of the directions: (b,)."""
        coefficients = self.cosines.encode(images)
        within = self._latents(coefficients) * self.scale
        outside = (coefficients - self.center).square().sum(1) - within.square().sum(1)
        return -outside.clamp_min(MIN_SCALE**2).log()

    @torch.no_grad()
    def fit(self, images: TrainingImages) -> Iterator[float]:
        """Find the components, once, with draws from torch's global source; yields progress."""
        if self.fitted:
            return
        moments = Moments(len(self.center))
        num_copies = max(1, min(MAX_CHANGED, NUM_CHANGED // len(images)))
        for copy in range(num_copies):
            for indices in images.in_order(IMAGES_PER_READING):
                moments.add(self.cosines.encode(jittered(images.read(indices))))
            yield (copy + 1) / num_copies
        axes = moments.axes()
        num_components = len(self.scale)
        self.center.copy_(axes.center)
        self.directions.copy_(axes.directions.flip(1)[:, :num_components])
        self.scale.copy_(axes.variances.flip(0)[:num_components].sqrt().clamp_min(MIN_SCALE))
        self.fitted.fill_(value=True)

    def _latents(self, coefficients: Tensor) -> Tensor:
        with torch.autocast(coefficients.device.type, enabled=False):
            return (coefficients - self.center) @ self.directions / self.scale
