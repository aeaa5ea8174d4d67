"""Consistency distillation: a student that jumps to the image from anywhere on the path."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.diffusion.denoiser import Denoiser
from models.diffusion.paths import Level, noise_of

HUBER_WIDTH = 0.00054  # times the root of the numbers in an image


def consistency_loss(
    student: Denoiser, teacher: Denoiser, x: Tensor, level: Level, next_level: Level
) -> Tensor:
    """Ask of the student that it jumps to the same image from both ends of a teacher's step.

    Args:
        student: In training; it is held still where the step arrives.
        teacher: Takes the step, by DDIM, as it is guided.
        x: Noisy images (b, c, h, w).
        level: Of each of them, (b, 1, 1, 1).
        next_level: A little less noisy. Where it has no noise, the teacher's step ends at an image,
            and it is this that the student is to jump to.

    References:
        Song et al. 2023, eq. 9 (arXiv:2303.01469); Luo et al. 2023, algorithm 1, for a guided
        teacher (arXiv:2310.04378).
        Song & Dhariwal 2024, eqs. 7 and 9, for the distance, its weight (by the step in the share
        of noise, where they have it in sigma), and for no average of the student
        (arXiv:2310.14189).
    """
    with torch.no_grad():
        D = teacher(x, level)
        x_next = next_level.alpha * D + next_level.sigma * noise_of(x, D, level)
        noisy = next_level.sigma > 0
        # a level without noise has nothing to jump over: ask anywhere else and take D
        asked = Level(
            **{
                name: torch.where(noisy, value, vars(level)[name])
                for name, value in vars(next_level).items()
            }
        )
        wanted = torch.where(noisy, student(x_next, asked), D)
    width = HUBER_WIDTH * math.sqrt(x[0].numel())
    squared = (student(x, level) - wanted).square().sum(dim=(1, 2, 3), keepdim=True)
    distance = (squared + width**2).sqrt() - width
    return (distance / (level.noise_share - next_level.noise_share)).mean() / math.sqrt(
        x[0].numel()
    )
