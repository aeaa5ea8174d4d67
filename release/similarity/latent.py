"""phi4: two images are alike as far as an encoder's latents of them correlate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from release.data import Pixels
from release.similarity.correlation import Correlation
from release.similarity.learned_from import LearnedFrom
from release.similarity.metric import Embedded, Vectors

VERSION = "latent/1"
_IMAGES_AT_ONCE = 256


class LatentMetric(Correlation):
    """Correlation of what an encoder makes of images.

    Args:
        encode: Pixels (n, size, size) to latents (n, d).
        weights_digest: SHA-256 of the encoder's weights, in hexadecimal.
        learned_from: What the encoder was trained on. An autoencoder of a model trained on T alone
            is refused where p-values depend on it: see `release.similarity.learned_from`.
    """

    name = "latent"

    def __init__(
        self,
        encode: Callable[[Pixels], NDArray[np.floating]],
        weights_digest: str,
        learned_from: LearnedFrom,
    ) -> None:
        self._encode = encode
        self.learned_from = learned_from
        self.digest = hashlib.sha256(f"{VERSION} {weights_digest}".encode()).hexdigest()

    def embed(self, pixels: Pixels) -> Embedded:
        """Encode images, and bring each latent to mean 0 and unit norm."""
        starts = range(0, len(pixels), _IMAGES_AT_ONCE)
        parts = [self._unit(pixels[start : start + _IMAGES_AT_ONCE]) for start in starts]
        return Embedded(np.concatenate(parts) if parts else np.empty((0, 1), np.float32))

    def _unit(self, pixels: Pixels) -> Vectors:
        latents = torch.from_numpy(np.asarray(self._encode(pixels), np.float32))
        deviations = latents - latents.mean(1, keepdim=True)
        unit: Vectors = torch.nn.functional.normalize(deviations, dim=1).numpy()
        return unit
