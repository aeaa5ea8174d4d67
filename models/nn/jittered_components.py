"""Principal components of changed images: compact, and telling little of whom they were fitted to.

The components of images as they are turn towards these very images: 192 components of 4,612
radiographs at 64 px tell them from others with an AUC of 0.69. Seen with small changes, the images
look like many more, and their components tell them with 0.51, though they leave no more of other
images unexplained.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.nn.cosine_components import CosineComponents
from models.nn.jitter import jittered
from models.nn.pca import Moments
from models.training_images import TrainingImages

NUM_COSINES = 1024  # in which the components are sought; they leave 1.5 % of a radiograph
NUM_CHANGED = 30_000  # changed images to learn from, and at most so many of one:
MAX_CHANGED = 64
IMAGES_PER_READING = 256
MIN_SCALE = 1e-3  # of a component, in image units


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
