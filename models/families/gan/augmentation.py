"""Differentiable changes to images, which keep a small training set from being memorised.

Each change is made to each image with a probability, the strength. None mirrors an image: the heart
is on the left.

Reference: Zhao et al. 2020 (arXiv:2006.10738); applied by chance as in Karras et al. 2020
(arXiv:2006.06676).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.nn.warp import warp

MAX_TURN = 0.1  # radians
MAX_SHIFT = 1 / 8  # of the side
CUT_OUT = 3 / 8  # of the side
BRIGHTNESS = 0.25  # of the range [-1, 1]'s half
CONTRAST = 0.25


def augment(images: Tensor, strength: float | Tensor) -> Tensor:
    """Change images, each in its own way, from torch's global random source.

    Args:
        images: (b, c, h, w). What lies in the channels of one image (itself and a partner) is
            changed alike.
        strength: The probability of each change, in [0, 1].
    """
    for change in (turn, shift, brighten, stretch_contrast, cut_out):
        images = change(images, _chosen(images, strength))
    return images


class AdaptiveStrength(nn.Module):
    """A strength that grows while the discriminator is too sure of real images, and else falls.

    It lives in a buffer, so that a resumed training goes on from it.

    Args:
        target: What the mean sign of the discriminator's verdicts on real images is held at: 0 when
            it guesses, 1 when it knows every one of them.
        images_to_full: Real images, seen on the same side of the target, that take the strength
            from 0 to 1.

    Reference: Karras et al. 2020, section 3.1 (arXiv:2006.06676).
    """

    strength: Tensor

    def __init__(self, target: float, images_to_full: int) -> None:
        super().__init__()
        self._target = target
        self._images_to_full = images_to_full
        self.register_buffer("strength", torch.zeros(()))

    @torch.no_grad()
    def observe(self, verdicts: Tensor) -> None:
        """Move one step, given verdicts on real images, (b,): above 0 where they are held real."""
        direction = (verdicts.float().sign().mean() - self._target).sign()
        step = len(verdicts) / self._images_to_full
        self.strength.add_(step * direction).clamp_(0, 1)


def turn(images: Tensor, amount: Tensor) -> Tensor:
    """Turn images by up to 6 degrees about their middle; their edges are drawn out.

    Arguments as in `shift`.
    """
    angle = (amount * _uniform(images, -MAX_TURN, MAX_TURN)).flatten()
    return warp(images, angle)


def shift(images: Tensor, amount: Tensor) -> Tensor:
    """Move images by up to an eighth; the border is filled with black.

    Args:
        images: (b, c, h, w).
        amount: (b, 1, 1, 1), from 0 (leave the image) to 1 (the full change).
    """
    b, _, h, w = images.shape
    reach = round(MAX_SHIFT * h)
    padded = F.pad(images, [reach] * 4, value=-1.0)
    down, right = (
        reach + (_uniform(images, -reach, reach + 1).floor() * amount).long().view(b, 1)
        for _ in range(2)
    )
    rows = (down + torch.arange(h, device=images.device)).view(b, h, 1)
    columns = (right + torch.arange(w, device=images.device)).view(b, 1, w)
    image = torch.arange(b, device=images.device).view(b, 1, 1)
    return padded[image, :, rows, columns].movedim(-1, 1)  # (b, c, h, w)


def brighten(images: Tensor, amount: Tensor) -> Tensor:
    """Make images brighter or darker; arguments as in `shift`."""
    return images + amount * _uniform(images, -BRIGHTNESS, BRIGHTNESS)


def stretch_contrast(images: Tensor, amount: Tensor) -> Tensor:
    """Stretch or squeeze grey levels about each image's mean; arguments as in `shift`."""
    mean = images.mean((2, 3), keepdim=True)
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


def _chosen(images: Tensor, strength: float | Tensor) -> Tensor:
    return (_uniform(images, 0, 1) < strength).to(images.dtype)


def _uniform(images: Tensor, low: float, high: float) -> Tensor:
    shape = (len(images), 1, 1, 1)
    return torch.rand(shape, device=images.device) * (high - low) + low
