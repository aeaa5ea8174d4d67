"""The directions in which vectors vary most, from one reading of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class PrincipalAxes(NamedTuple):
    """Where vectors lie and how they vary, float64.

    Attributes:
        center: (d,), their mean.
        directions: (d, d), an orthonormal column for each axis, the least varied first.
        variances: (d,), along each axis; none is negative.
    """

    center: Tensor
    directions: Tensor
    variances: Tensor


class Moments:
    """The sums that mean and covariance are made of, taken up a batch at a time.

    Args:
        size: Length of the vectors.
    """

    def __init__(self, size: int) -> None:
        self._count = 0
        self._total = torch.zeros(size, dtype=torch.float64)
        self._products = torch.zeros(size, size, dtype=torch.float64)

    def add(self, vectors: Tensor) -> None:
        """Take up vectors, (n, d)."""
        vectors = vectors.double()
        self._count += len(vectors)
        self._total += vectors.sum(0).cpu()
        self._products += (vectors.T @ vectors).cpu()

    def axes(self) -> PrincipalAxes:
        """Find the axes: the eigenvectors of E[x x^T] - E[x] E[x]^T."""
        center = self._total / self._count
        covariance = self._products / self._count - center.outer(center)
        variances, directions = torch.linalg.eigh(covariance)
        return PrincipalAxes(center, directions, variances.clamp_min(0))


def patches_of(images: Tensor, patch_size: int) -> Tensor:
    """Cut images (b, 1, h, w) into square patches, (b h w / p^2, p^2)."""
    return F.pixel_unshuffle(images, patch_size).movedim(1, -1).flatten(0, 2)
