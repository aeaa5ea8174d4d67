"""Differentiable changes to films, which keep a small training set from being learnt by heart.

Each change is made to each film with the probability `strength`. None mirrors a film: the heart is
on the left.

Reference: Zhao et al. 2020 (arXiv:2006.10738); applied by chance as in Karras et al. 2020
(arXiv:2006.06676).
"""

from __future__ import annotations

import torch
from torch import Tensor

MAX_SHIFT = 1 / 8  # of the side
CUT_OUT = 3 / 8  # of the side
BRIGHTNESS = 0.25  # of the range [-1, 1]'s half
CONTRAST = 0.25


def augment(images: Tensor, strength: float) -> Tensor:
    """Change (b, 1, h, w) images, each in its own way, from torch's global random source."""
    for change in (shift, brighten, stretch_contrast, cut_out):
        images = change(images, _chosen(images, strength))
    return images


def shift(images: Tensor, amount: Tensor) -> Tensor:
    """Move films by up to an eighth; black comes in.

    Args:
        images: (b, 1, h, w).
        amount: (b, 1, 1, 1), from 0 (leave the film) to 1 (the full change).
    """
    b, _, h, w = images.shape
    reach = round(MAX_SHIFT * h)
    padded = torch.nn.functional.pad(images, [reach] * 4, value=-1.0)
    down, right = (
        reach + (_uniform(images, -reach, reach + 1).floor() * amount).long().view(b, 1)
        for _ in range(2)
    )
    rows = (down + torch.arange(h, device=images.device)).view(b, h, 1)
    columns = (right + torch.arange(w, device=images.device)).view(b, 1, w)
    film = torch.arange(b, device=images.device).view(b, 1, 1)
    return padded[film, 0, rows, columns].unsqueeze(1)


def brighten(images: Tensor, amount: Tensor) -> Tensor:
    """Make films brighter or darker; arguments as in `shift`."""
    return images + amount * _uniform(images, -BRIGHTNESS, BRIGHTNESS)


def stretch_contrast(images: Tensor, amount: Tensor) -> Tensor:
    """Stretch or squeeze grey levels about each film's mean; arguments as in `shift`."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + amount * _uniform(images, -CONTRAST, CONTRAST))


def cut_out(images: Tensor, amount: Tensor) -> Tensor:
    """Blacken a square at a random place to mid-grey; arguments as in `shift`."""
    size = images.shape[-1]
    half = CUT_OUT * size / 2 * amount
    place = torch.arange(size, device=images.device) + 0.5
    row, column = (_uniform(images, 0, size) for _ in range(2))
    in_rows = (place.view(1, 1, size, 1) - row).abs() < half
    in_columns = (place.view(1, 1, 1, size) - column).abs() < half
    return images * ~(in_rows & in_columns)


def _chosen(images: Tensor, strength: float) -> Tensor:
    return (_uniform(images, 0, 1) < strength).to(images.dtype)


def _uniform(images: Tensor, low: float, high: float) -> Tensor:
    shape = (len(images), 1, 1, 1)
    return torch.rand(shape, device=images.device) * (high - low) + low
