"""The density of each class's latents, learned from noisy moments of them and nothing else.

What a patient adds to the moments is bounded by construction, in a frame that public films set:
see `contributions`. Everything after the noise is arithmetic on what was let out, which costs no
more privacy: a class whose own covariance drowns in the noise takes on that of all classes, and
this one, where it drowns, a round one (James & Stein's estimator, the noise being known).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from models.families.vae.private_remainder import in_own_class
from models.films import Films
from models.privacy.mechanism import GaussianMechanism, clipped
from models.privacy.patients import Patients
from models.privacy.shrinkage import shrunk

CENTER_SHARE = 0.1  # of the privacy spent here
FAR = 3.0  # radii within which the private films' centre is looked for
# Lengths of a patient's three parts in the moments: being there, where, and how far apart.
PARTS = (0.2, 0.45, math.sqrt(1 - 0.2**2 - 0.45**2))
PUBLIC_SHARE_INSIDE = 0.9
FEWEST_FILMS = 8.0
FILMS_PER_READING = 64
LEAST_VARIANCE = 0.01  # of the public films'

Encode = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Frame:
    """Where latents are measured from, and in which units; learned from public films.

    Attributes:
        center: (d,), float64.
        scale: (d,), the public films' standard deviations.
        radius: Within which nine in ten public films lie, in those units.
        blur: (d,), the mean variance of one public film's latents.
    """

    center: Tensor
    scale: Tensor
    radius: float
    blur: Tensor

    @classmethod
    def of(cls, encode: Encode, public: Films) -> Frame:
        """Fit it to public films."""
        read = [
            encode(public.images(some), public.labels[some])
            for some in public.in_order(FILMS_PER_READING)
        ]
        latents = torch.cat([mean for mean, _ in read]).cpu().double()
        variances = torch.cat([log_variance.exp() for _, log_variance in read]).cpu().double()
        center, scale = latents.mean(0), latents.std(0).clamp_min(1e-6)
        lengths = ((latents - center) / scale).norm(dim=1)
        radius = float(lengths.quantile(PUBLIC_SHARE_INSIDE))
        return cls(center, scale, radius, variances.mean(0))

    def inside(self, latents: Tensor) -> Tensor:
        """Measure latents (n, d) in the frame."""
        return (latents - self.center) / self.scale

    def outside(self, given: Gaussians) -> Gaussians:
        """Take Gaussians in the frame back to latents as films have them."""
        covariances = given.covariances * self.scale.outer(self.scale) + self.blur.diag()
        return Gaussians(self.center + self.scale * given.means, covariances, given.counts)


class Gaussians(NamedTuple):
    """One for each class.

    Attributes:
        means: (c, d).
        covariances: (c, d, d), positive definite.
        counts: (c,), of each class's films: noisy, positive.
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
class Moments:
    """Noisy sums over the films of each class, in units of the unit ball.

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
    def of(cls, summed: Tensor, num_classes: int, d: int, sigma: float) -> Moments:
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
        counts = self.counts.clamp_min(FEWEST_FILMS)
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


def positive(covariances: Tensor, least: float) -> Tensor:
    """Raise the eigenvalues of (c, d, d) symmetric matrices to `least`."""
    values, vectors = torch.linalg.eigh(covariances)
    raised: Tensor = vectors @ (values.clamp_min(least)[:, :, None] * vectors.mT)
    return raised


def private_gaussians(
    encode: Encode,
    patients: Patients,
    frame: Frame,
    num_classes: int,
    mechanism: GaussianMechanism,
    share: float,
    clipping: float,
) -> Generator[float, None, Gaussians]:
    """Learn a Gaussian for the latents of each class.

    Args:
        encode: From films and labels to their latents' means; public, and film by film.
        patients: One film each. How many there are is public.
        frame: Public.
        num_classes: Public, like the classes' names.
        mechanism: Adds the noise.
        share: Of the privacy, to be spent here.
        clipping: Where latents are clipped, in the frame's radii.

    Yields:
        The fraction done.

    Returns:
        A Gaussian for each class.
    """
    read = []
    for images, labels in patients.batches(FILMS_PER_READING):
        read.append(frame.inside(encode(images, labels)[0].cpu().double()))
        yield 0.9 * len(read) * FILMS_PER_READING / len(patients)
    points, labels = torch.cat(read), patients.labels.cpu()
    radius, far = clipping * frame.radius, FAR * clipping * frame.radius

    summed = mechanism.noisy_sum("center", [clipped(points, far) / far], share * CENTER_SHARE)
    center = clipped(far * summed[None] / len(patients), far)[0]
    yield 0.95

    inside = clipped(points - center, radius) / radius
    rows = (
        contributions(inside[some], labels[some], num_classes)
        for some in torch.split(torch.arange(len(labels)), FILMS_PER_READING)
    )
    summed = mechanism.noisy_sum("moments", rows, share * (1 - CENTER_SHARE))
    sigma = mechanism.releases[-1].sigma
    found = Moments.of(summed, num_classes, points.shape[1], sigma).gaussians()
    means, covariances = center + radius * found.means, radius**2 * found.covariances
    return frame.outside(Gaussians(means, positive(covariances, LEAST_VARIANCE), found.counts))
