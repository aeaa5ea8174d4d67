"""The network of the second stage: it draws the details of an image at twice its size.

The details x of an image y of side 2 s are what its means over 4 x 4 pixels leave:

    y = enlarged(means(y)) + scale a x

Means are taken from the image of side s that is enlarged, and stay as they are: only details are
drawn. How strong the details of that image are about a place, a, says how strong they are to be in
the larger one. They are shown to the network too, but with noise: so it draws anew what is finer
than the noise, and an image from a model may be a little blurred.

References:
    Ho et al. 2022, section 4.2, for noise in the condition (arXiv:2106.15282).
    Nichol et al. 2021 (arXiv:2112.10741), Saharia et al. 2022 (arXiv:2205.11487): such a cascade.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.families.ldm.linear_details import LinearDetails
from models.nn.blocks import sinusoidal_embedding, zero_conv

FACTOR = 2  # by which the side grows
CELL = 4  # pixels of the larger image on the side of a place of the network
DETAILS, SMALL_DETAILS = CELL**2, (CELL // FACTOR) ** 2  # numbers at each place
MAX_BLUR = 1.0  # the largest standard deviation of the noise in the condition, in strengths
ABOUT = 7  # places on the side of the square over which the strength of details is measured
WEAKEST = 1 / 255  # strength where an image shows nothing: half a grey level of 256


class Condition(NamedTuple):
    """What an image to be enlarged says of the larger one.

    Attributes:
        base: (b, 1, 2 s, 2 s), smooth: what details are added to.
        strength: (b, 1, s / 2, s / 2), of the details of the image about each place.
        seen: (b, 6, s / 2, s / 2): means, logarithm of the strength, and details with noise.
        noise: (b,), standard deviation of that noise, in [0, 1].
    """

    base: Tensor
    strength: Tensor
    seen: Tensor
    noise: Tensor

    @property
    def small(self) -> Tensor:
        """The details of the image with noise, (b, 4, s / 2, s / 2)."""
        return self.seen[:, 2:]


class PlaceNorm(nn.Module):
    """Scale the channels of each place to a mean square of 1, under a condition.

    No place knows of another: a part of an image is treated as it is in the whole image.
    """

    def __init__(self, channels: int, condition_size: int) -> None:
        super().__init__()
        self.scale_and_shift = nn.Linear(condition_size, 2 * channels)
        nn.init.zeros_(self.scale_and_shift.weight)
        nn.init.zeros_(self.scale_and_shift.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Normalise (b, c, h, w) under a condition (b, condition_size)."""
        scale, shift = self.scale_and_shift(condition)[:, :, None, None].chunk(2, dim=1)
        normed = x * (x.square().mean(1, keepdim=True) + 1e-4).rsqrt()
        return torch.addcmul(shift, normed, 1 + scale)


class PlaceBlock(nn.Module):
    """A residual block of two convolutions, which starts as the identity."""

    def __init__(self, channels: int, condition_size: int) -> None:
        super().__init__()
        self.norm1 = PlaceNorm(channels, condition_size)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = PlaceNorm(channels, condition_size)
        self.conv2 = zero_conv(channels, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map (b, c, h, w) to the same shape."""
        h = self.conv1(F.silu(self.norm1(x, condition)))
        h = self.conv2(F.silu(self.norm2(h, condition)))
        return x + h  # type: ignore[no-any-return]


class Upscaler(nn.Module):
    """A network on places of 4 x 4 pixels, with the scale of details beside those at half the size.

    Args:
        channels: Width; a multiple of 8.
        num_blocks: Residual blocks.
    """

    scale: Tensor

    def __init__(self, channels: int, num_blocks: int) -> None:
        super().__init__()
        self.condition_size = 2 * channels
        self.stem = nn.Conv2d(DETAILS + 2 + SMALL_DETAILS, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            PlaceBlock(channels, 2 * self.condition_size) for _ in range(num_blocks)
        )
        self.out = zero_conv(channels, DETAILS)
        self.linear = LinearDetails(DETAILS, SMALL_DETAILS)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Map noisy details (b, 16, h, w) at times (b,) to as many numbers."""
        moments = torch.cat(
            [
                sinusoidal_embedding(each, self.condition_size)
                for each in (time, condition.noise / MAX_BLUR)
            ],
            dim=1,
        )
        seen = torch.cat([x, condition.seen], dim=1)
        h = self.stem(seen.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            h = block(h, moments)
        return self.out(F.silu(h))  # type: ignore[no-any-return]

    def condition(self, small: Tensor, noise: Tensor, n: Tensor) -> Condition:
        """Show images to be enlarged.

        Args:
            small: (b, 1, s, s), in [-1, 1].
            noise: (b,), standard deviation of the noise on their details, in strengths.
            n: (b, 4, s / 2, s / 2), standard normal.
        """
        means = F.avg_pool2d(small, CELL // FACTOR)
        details = details_of(small, CELL // FACTOR)
        strength = strength_of(details)
        noisy = details / strength + noise.view(-1, 1, 1, 1) * n
        seen = torch.cat([means, (strength / WEAKEST).log() / 4, noisy], dim=1)
        return Condition(enlarged(means, CELL), strength, seen, noise)

    def details(self, images: Tensor, strength: Tensor) -> Tensor:
        """Find the details of images (b, 1, h, w), at unit variance: (b, 16, h / 4, w / 4)."""
        return details_of(images, CELL) / (strength * self.scale)

    def image(self, x: Tensor, condition: Condition) -> Tensor:
        """Add details (b, 16, h / 4, w / 4) to what they are details of; in [-1, 1]."""
        details = F.pixel_shuffle(x * condition.strength * self.scale, CELL)
        return (condition.base + details).clamp(-1, 1)


def details_of(images: Tensor, cell: int) -> Tensor:
    """Take the means of cells off images (b, 1, h, w): (b, cell^2, h / cell, w / cell)."""
    details = images - enlarged(F.avg_pool2d(images, cell), cell)
    return F.pixel_unshuffle(details, cell)


def strength_of(details: Tensor) -> Tensor:
    """Measure how strong details (b, c, h, w) are about each place: (b, 1, h, w), positive."""
    squares = details.square().mean(1, keepdim=True)
    near = F.avg_pool2d(squares, ABOUT, 1, ABOUT // 2, count_include_pad=False)
    return (near + WEAKEST**2).sqrt()


def enlarged(means: Tensor, factor: int) -> Tensor:
    """Enlarge images smoothly by a factor."""
    return F.interpolate(means, scale_factor=factor, mode="bilinear", align_corners=False)
