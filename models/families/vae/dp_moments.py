"""Noisy moments of each class, and the Gaussians that they describe.

What a patient adds to the moments is bounded by construction: see `contributions`. What follows
the noise is post-processing of released sums, which costs no more privacy: a class whose own
covariance drowns in the noise takes on that of all classes, and this one, where it drowns, a round
one (James & Stein's estimator, the noise being known).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from models.families.vae.dp_remainder import in_own_class
from models.privacy.noisy_sums import shrunk

# Lengths of a patient's three parts in the moments: being there, where, and how far apart.
PARTS = (0.2, 0.45, math.sqrt(1 - 0.2**2 - 0.45**2))
FEWEST_IMAGES = 8.0


class Gaussians(NamedTuple):
    """One for each class.

    Attributes:
        means: (c, d).
        covariances: (c, d, d), positive definite.
        counts: (c,), of each class's images: noisy, positive.
    """

    means: Tensor
    covariances: Tensor
    counts: Tensor


def contributions(points: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Write what each patient adds to the moments, (n, num_classes (1 + d + d (d + 1) / 2)).

    A patient of class y at u, |u| <= 1, adds (p_0, p_1 u, p_2 s(u u^T)) to the sums of class y and
    zero to the others; s lists the upper triangle, what lies off the diagonal times sqrt(2), so
    that |s(u u^T)| = |u u^T|_F = |u|^2. The row's length is thus

        (p_0^2 + p_1^2 |u|^2 + p_2^2 |u|^4)^(1/2) <= (p_0^2 + p_1^2 + p_2^2)^(1/2) = 1,

    and no patient moves the sum of all rows by more than 1.

    Args:
        points: (n, d), float64, each within the unit ball.
        labels: (n,), int64.
        num_classes: Public.
    """
    n, d = points.shape
    products = points[:, :, None] * points[:, None, :]
    rows, columns = torch.triu_indices(d, d)
    weights = torch.where(rows == columns, 1.0, math.sqrt(2)).double()
    parts = [points.new_ones(n, 1), points, products[:, rows, columns] * weights]
    own = torch.cat([size * part for size, part in zip(PARTS, parts, strict=True)], 1)
    return in_own_class(own, labels, num_classes)


@dataclass(frozen=True)
class NoisyMoments:
    """Noisy sums over the images of each class, in units of the unit ball.

    Attributes:
        counts: (c,).
        totals: (c, d).
        products: (c, d, d), symmetric.
        sigma: Standard deviation of the noise before the parts' lengths were divided out.
    """

    counts: Tensor
    totals: Tensor
    products: Tensor
    sigma: float

    @classmethod
    def of(cls, summed: Tensor, num_classes: int, d: int, sigma: float) -> NoisyMoments:
        """Read what `contributions` laid out."""
        parts = [1, d, d * (d + 1) // 2]
        counts, totals, triangle = torch.split(summed.view(num_classes, -1), parts, 1)
        rows, columns = torch.triu_indices(d, d)
        weights = torch.where(rows == columns, 1.0, 1 / math.sqrt(2)).double()
        products = summed.new_zeros(num_classes, d, d)
        products[:, rows, columns] = triangle * weights / PARTS[2]
        products[:, columns, rows] = products[:, rows, columns]
        return cls(counts[:, 0] / PARTS[0], totals / PARTS[1], products, sigma)

    def gaussians(self) -> Gaussians:
        """Estimate each class's mean and covariance, which may not be positive."""
        counts = self.counts.clamp_min(FEWEST_IMAGES)
        means = self.totals / counts[:, None]
        lengths = means.norm(dim=1, keepdim=True)
        means = means / lengths.clamp_min(1.0)  # the true ones lie in the unit ball
        scatter = self.products - counts[:, None, None] * means[:, :, None] * means[:, None, :]
        d = means.shape[1]
        noise = (self.sigma / PARTS[2]) ** 2 * d * (d + 1) / 2  # E |N|_F^2 of each class's products
        common = scatter.sum(0) / counts.sum()
        round_one = common.diagonal().mean().clamp_min(0) * torch.eye(d, dtype=common.dtype)
        common = shrunk(common, round_one, len(counts) * noise / counts.sum() ** 2)
        own = [
            shrunk(each / count, common, noise / count**2)
            for each, count in zip(scatter, counts, strict=True)
        ]
        return Gaussians(means, torch.stack(own), counts)
