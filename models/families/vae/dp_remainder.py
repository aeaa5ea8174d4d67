"""What the decoder leaves out of each class's mean image, learned from noisy sums and nothing else.

A decoder that learned from public images alone draws private ones with the public images' habits.
The mean of what it leaves out, on a coarse grid, is some hundred numbers for each class.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import torch
from torch import Tensor

from models.privacy.noisy_sums import GaussianMechanism, clipped, shrunk
from models.privacy.patients import Patients
from models.training_images import TrainingImages

IMAGES_PER_READING = 64
PUBLIC_SHARE_INSIDE = 0.9
FAR = 3.0  # radii that hold nine in ten public images: of private ones more is left out

LeftOut = Callable[[Tensor, Tensor], Tensor]


def private_remainder(
    left_out: LeftOut,
    public: TrainingImages,
    patients: Patients,
    counts: Tensor,
    mechanism: GaussianMechanism,
    share: float,
    clipping: float,
) -> Generator[float, None, Tensor]:
    """Learn the mean of what is left out of the images of each class.

    A patient adds what is left out of one image, clipped to the unit ball, to the sum of its class,
    and nothing to the others: no patient moves the sums by more than 1.

    Args:
        left_out: From images (b, 1, h, w) and labels to what the decoder leaves out, (b, k), image
            by image and public.
        public: Set the radius to clip at.
        patients: One image each.
        counts: (c,), of each class's images, as they were released before; positive.
        mechanism: Adds the noise.
        share: Of the privacy, to be spent here.
        clipping: Multiplies the radius.

    Yields:
        The fraction done.

    Returns:
        (c, k): a class whose own mean drowns in the noise takes on that of all classes, and this
        one, where it drowns, none.
    """
    lengths = torch.cat(
        [
            left_out(public.read(some), public.labels[some]).norm(dim=1)
            for some in public.in_order(IMAGES_PER_READING)
        ]
    )
    radius = FAR * clipping * float(lengths.quantile(PUBLIC_SHARE_INSIDE))
    rows = []
    for images, labels in patients.batches(IMAGES_PER_READING):
        inside = clipped(left_out(images, labels).cpu().double(), radius) / radius
        rows.append(in_own_class(inside, labels.cpu(), len(counts)))
        yield len(rows) * IMAGES_PER_READING / len(patients)
    summed = radius * mechanism.noisy_sum("remainder", rows, share).view(len(counts), -1)
    noise = (radius * mechanism.releases[-1].sigma) ** 2 * summed[0].numel()
    total = counts.sum()
    common = summed.sum(0) / total
    common = shrunk(common, torch.zeros_like(common), len(counts) * noise / total**2)
    return torch.stack(
        [
            shrunk(own / count, common, noise / count**2)
            for own, count in zip(summed, counts, strict=True)
        ]
    )


def in_own_class(vectors: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Put each vector (b, k) into its class's place among zeros, (b, num_classes k)."""
    placed = vectors.new_zeros(len(vectors), num_classes, vectors.shape[1])
    placed[torch.arange(len(vectors)), labels] = vectors
    return placed.flatten(1)
