"""Fold images into patches whose coordinates all vary alike.

Grey levels vary about a hundred times more over an image than from pixel to pixel, so a network
that reads raw patches hears the exposure first and the texture long after. In the patches'
principal coordinates, each divided by its standard deviation, it hears both from its first update
on.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.nn.pca import Moments, patches_of
from models.training_images import TrainingImages

NOISE_STD = 0.03  # in image units: what varies less is not worth hearing as loud as the rest
IMAGES_PER_READING = 64


class PatchWhitening(nn.Module):
    """A whitening of square patches; fitted, not trained.

    Until `fit` has run, patches are left as they are.

    Reference: LeCun et al. 1998, section 4.3 (doi:10.1007/3-540-49430-8_2).
    """

    fitted: Tensor
    center: Tensor
    directions: Tensor
    scales: Tensor

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self._patch_size = patch_size
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("center", torch.zeros(patch_size**2))
        self.register_buffer("directions", torch.eye(patch_size**2))  # a column each
        self.register_buffer("scales", torch.ones(patch_size**2))

    def fold(self, images: Tensor) -> Tensor:
        """Fold (b, 1, h, w) to whitened patches, (b, p^2, h / p, w / p)."""
        centred = F.pixel_unshuffle(images, self._patch_size) - self.center[:, None, None]
        return _mix(self.directions.T / self.scales[:, None], centred)

    def membership_score(self, images: Tensor) -> Tensor:
        """Give the mean log density of the patches of (b, 1, h, w) images, up to a constant: (b,).

        They are taken to be normal, with the moments measured.
        """
        return -0.5 * self.fold(images).square().sum(1).mean((1, 2))

    @torch.no_grad()
    def fit(self, images: TrainingImages) -> Iterator[float]:
        """Measure how patches vary, once; yields the fraction done."""
        if self.fitted:
            return
        moments = Moments(len(self.center))
        for indices in images.in_order(IMAGES_PER_READING):
            moments.add(patches_of(images.read(indices), self._patch_size))
            yield (int(indices[-1]) + 1) / len(images)
        center, directions, variances = moments.axes()
        self.center.copy_(center)
        self.directions.copy_(directions)
        self.scales.copy_(variances.sqrt() + NOISE_STD)
        self.fitted.fill_(value=True)


def _mix(weights: Tensor, x: Tensor) -> Tensor:
    """Mix the channels of (b, in, h, w) by (out, in) weights, in float32."""
    with torch.autocast(x.device.type, enabled=False):
        mixed = torch.matmul(weights, x.float().flatten(2))
    return mixed.view(len(x), -1, *x.shape[2:])
