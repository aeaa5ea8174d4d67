"""Consistency distillation: a student that jumps to the image from anywhere on the path."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.diffusion.denoiser import Denoiser
from models.diffusion.descent import Descent, noise_of
from models.diffusion.paths import Level

HUBER_WIDTH = 0.00054  # times the root of the numbers in an image


def consistency_loss(
    student: Denoiser, teacher: Denoiser, x: Tensor, level: Level, following: Level
) -> Tensor:
    """Ask of the student that it jumps to the same image from both ends of a teacher's step.

    Args:
        student: In training; it is held still where the step arrives.
        teacher: Takes the step, by DDIM, as it is guided.
        x: Noisy images (b, c, h, w).
        level: Of each of them, (b, 1, 1, 1).
        following: A little less noisy. Where it has no noise, the teacher's step ends at an image,
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
        x_following = following.alpha * D + following.sigma * noise_of(x, D, level)
        noisy = following.sigma > 0
        # a level without noise has nothing to jump over: ask anywhere else and take D
        asked = Level(
            **{
                name: torch.where(noisy, value, vars(level)[name])
                for name, value in vars(following).items()
            }
        )
        wanted = torch.where(noisy, student(x_following, asked), D)
    width = HUBER_WIDTH * math.sqrt(x[0].numel())
    squared = (student(x, level) - wanted).square().sum(dim=(1, 2, 3), keepdim=True)
    distance = (squared + width**2).sqrt() - width
    return (distance / (level.noise_share - following.noise_share)).mean() / math.sqrt(x[0].numel())


def consistency(descent: Descent, x: Tensor) -> Tensor:
    """Jump to an image, add fresh noise of the following level, and jump again.

    Reference: Song et al. 2023, algorithm 1 (arXiv:2303.01469).
    """
    for level, following in descent.steps:
        D = descent.denoise(x, level)
        if following.sigma == 0:
            return D
        x = following.alpha * D + following.sigma * descent.fresh_noise()
    return x
