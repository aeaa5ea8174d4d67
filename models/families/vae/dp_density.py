"""The density of each class's latents, learned from noisy moments of them and nothing else.

What a patient adds to the moments is bounded by construction, in a frame that public images set:
see `private_moments`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from models.families.vae.dp_moments import Gaussians, NoisyMoments, contributions
from models.privacy.noisy_sums import GaussianMechanism, clipped
from models.privacy.patients import Patients
from models.training_images import TrainingImages

CENTER_SHARE = 0.1  # of the privacy spent here
FAR = 3.0  # radii within which the private images' centre is looked for
PUBLIC_SHARE_INSIDE = 0.9
IMAGES_PER_READING = 64
LEAST_VARIANCE = 0.01  # of the public images'

Encode = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Frame:
    """Where latents are measured from, and in which units; learned from public images.

    Attributes:
        center: (d,), float64.
        scale: (d,), the public images' standard deviations.
        radius: Within which nine in ten public images lie, in those units.
        blur: (d,), the mean variance of one public image's latents.
    """

    center: Tensor
    scale: Tensor
    radius: float
    blur: Tensor

    @classmethod
    def of(cls, encode: Encode, public: TrainingImages) -> Frame:
        """Fit it to public images."""
        read = [
            encode(public.read(some), public.labels[some])
            for some in public.in_order(IMAGES_PER_READING)
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
        """Take Gaussians in the frame back to latents as images have them."""
        covariances = given.covariances * self.scale.outer(self.scale) + self.blur.diag()
        return Gaussians(self.center + self.scale * given.means, covariances, given.counts)


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
        encode: From images and labels to their latents' means; public, and image by image.
        patients: One image each. How many there are is public.
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
    for images, labels in patients.batches(IMAGES_PER_READING):
        read.append(frame.inside(encode(images, labels)[0].cpu().double()))
        yield 0.9 * len(read) * IMAGES_PER_READING / len(patients)
    points, labels = torch.cat(read), patients.labels.cpu()
    radius, far = clipping * frame.radius, FAR * clipping * frame.radius

    summed = mechanism.noisy_sum("center", [clipped(points, far) / far], share * CENTER_SHARE)
    center = clipped(far * summed[None] / len(patients), far)[0]
    yield 0.95

    inside = clipped(points - center, radius) / radius
    rows = (
        contributions(inside[some], labels[some], num_classes)
        for some in torch.split(torch.arange(len(labels)), IMAGES_PER_READING)
    )
    summed = mechanism.noisy_sum("moments", rows, share * (1 - CENTER_SHARE))
    sigma = mechanism.releases[-1].sigma
    found = NoisyMoments.of(summed, num_classes, points.shape[1], sigma).gaussians()
    means, covariances = center + radius * found.means, radius**2 * found.covariances
    return frame.outside(Gaussians(means, positive(covariances, LEAST_VARIANCE), found.counts))
