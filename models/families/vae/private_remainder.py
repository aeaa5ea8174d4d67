"""What the decoder leaves out of each class's mean film, learned from noisy sums and nothing else.

A decoder that learned from public films alone draws private ones with the public films' habits. The
mean of what it leaves out, on a coarse grid, is some hundred numbers for each class.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import torch
from torch import Tensor

from models.films import Films
from models.privacy.mechanism import GaussianMechanism, clipped
from models.privacy.patients import Patients
from models.privacy.shrinkage import shrunk

FILMS_PER_READING = 64
PUBLIC_SHARE_INSIDE = 0.9
FAR = 3.0  # radii that hold nine in ten public films: of private ones more is left out

LeftOut = Callable[[Tensor, Tensor], Tensor]


def private_remainder(
    left_out: LeftOut,
    public: Films,
    patients: Patients,
    counts: Tensor,
    mechanism: GaussianMechanism,
    share: float,
    clipping: float,
) -> Generator[float, None, Tensor]:
    """Learn the mean of what is left out of the films of each class.

    A patient adds what is left out of one film, clipped to the unit ball, to the sum of its class,
    and nothing to the others: no patient moves the sums by more than 1.

    Args:
        left_out: From films (b, 1, h, w) and labels to what the decoder leaves out, (b, k), film
            by film and public.
        public: Set the radius to clip at.
        patients: One film each.
        counts: (c,), of each class's films, as they were let out before; positive.
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
            left_out(public.images(some), public.labels[some]).norm(dim=1)
            for some in public.in_order(FILMS_PER_READING)
        ]
    )
    radius = FAR * clipping * float(lengths.quantile(PUBLIC_SHARE_INSIDE))
    rows = []
    for images, labels in patients.batches(FILMS_PER_READING):
        inside = clipped(left_out(images, labels).cpu().double(), radius) / radius
        rows.append(in_own_class(inside, labels.cpu(), len(counts)))
        yield len(rows) * FILMS_PER_READING / len(patients)
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
