"""The density of images in coordinates along principal axes: one Gaussian for each class.

With U the axes, one column each, and coordinates c = U^T (x - mu),

    p(x | y) = N(mu + U a_y, U S U^T + sigma^2 (I - U U^T)),

which is x = mu + U a_y + W z + noise with W = U (S - sigma^2 I)^(1/2), Tipping & Bishop 1999, eq. 2
and 7 (doi:10.1111/1467-9868.00196): classes differ in their mean alone. For one class, a_y is 0
and all of it is the maximum likelihood solution of the paper. Rotated axes make S diagonal.

Whatever has the coordinates and the squared length of an image has its exact likelihood:

    -2 log p(x | y) = (c - a_y)^T S^-1 (c - a_y) + (|x - mu|^2 - |c|^2) / sigma^2
                      + log det S + (d - k) log sigma^2 + d log 2 pi.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.nn.pca import MIN_NOISE_VARIANCE


@dataclass(frozen=True)
class Points:
    """Images as their density sees them, float64.

    Attributes:
        coordinates: (n, k), along the axes.
        squared_lengths: (n,), of the images less the mean of all.
        num_pixels: d.
    """

    coordinates: Tensor
    squared_lengths: Tensor
    num_pixels: int

    def along(self, num_axes: int) -> Points:
        """Return the same along the leading axes alone."""
        return Points(self.coordinates[:, :num_axes], self.squared_lengths, self.num_pixels)

    def __getitem__(self, places: Tensor) -> Points:
        """Return some of the images."""
        return Points(self.coordinates[places], self.squared_lengths[places], self.num_pixels)


@dataclass(frozen=True)
class ClassDensity:
    """A fitted density, float64.

    Attributes:
        rotation: (k, k), orthonormal: from axes as given to axes that make S diagonal, the most
            varied first.
        class_means: a_y, (num_classes, k), along the rotated axes.
        variances: Diagonal of S, (k,); none is below sigma^2.
        noise_variance: sigma^2, ().
    """

    rotation: Tensor
    class_means: Tensor
    variances: Tensor
    noise_variance: Tensor

    def log_likelihood(self, points: Points) -> Tensor:
        """Give log p(x | y) of points for every class y, in nats: (n, num_classes)."""
        turned = Points(
            points.coordinates @ self.rotation, points.squared_lengths, points.num_pixels
        )
        return log_likelihood(turned, self.class_means, self.variances, self.noise_variance)


def log_likelihood(
    points: Points, class_means: Tensor, variances: Tensor, noise_variance: Tensor
) -> Tensor:
    """Give log p(x | y) of points along axes that make S diagonal, (n, num_classes), in nats.

    Axes that were not fitted have coordinates of 0 and the variance of the noise, so that they
    count as what they are: part of the rest.
    """
    num_rest = points.num_pixels - points.coordinates.shape[1]
    offsets = points.coordinates[:, None] - class_means  # (n, num_classes, k)
    along = (offsets.square() / variances).sum(2)
    rest = (points.squared_lengths - points.coordinates.square().sum(1)) / noise_variance
    log_det = variances.log().sum() + num_rest * noise_variance.log()
    constant = points.num_pixels * math.log(2 * math.pi)
    return -0.5 * (along + rest[:, None] + log_det + constant)


def fit(points: Points, labels: Tensor, num_classes: int, images_per_number: int) -> ClassDensity:
    """Fit the density to points along given axes: its maximum likelihood solution for these axes.

    The mean of a class of few images is fitted along the leading axes alone, and is that of all
    images along the others.

    Args:
        points: Along the axes, the most varied first.
        labels: (n,).
        num_classes: Labels run from 0 to num_classes - 1; a class may have no image.
        images_per_number: Images of a class that each coordinate of its mean stands for.
    """
    c = points.coordinates
    num_axes = c.shape[1]
    counts = labels.bincount(minlength=num_classes)
    sums = torch.zeros(num_classes, num_axes, dtype=c.dtype).index_add(0, labels, c)
    means = sums / counts.clamp_min(1)[:, None]
    num_fitted = (counts // images_per_number).clamp_min(1)
    means *= torch.arange(num_axes) < num_fitted[:, None]
    offsets = c - means[labels]
    variances, directions = torch.linalg.eigh(offsets.T @ offsets / len(c))
    rest = points.squared_lengths.sum() - c.square().sum()
    noise_variance = rest / len(c) / (points.num_pixels - num_axes)
    noise_variance = noise_variance.clamp_min(MIN_NOISE_VARIANCE)
    rotation = directions.flip(1)
    return ClassDensity(
        rotation, means @ rotation, variances.flip(0).clamp_min(noise_variance), noise_variance
    )
