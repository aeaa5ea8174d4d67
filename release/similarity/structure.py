"""What an image shows, whatever its tones: each place held against its neighbourhood.

Brightness, contrast and gamma act on a neighbourhood almost as a shift and a factor, so that

    s(x) = (x - m(x)) / sqrt(v(x) + f^2)

with local mean m and variance v stays nearly the same, histogram equalisation (also of tiles)
included; an inverted image turns its sign. The floor f keeps noise in flat places from counting.

Reference: Jarrett et al. 2009, section 2.1 (local contrast normalisation),
doi:10.1109/ICCV.2009.5459469.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from release.data import Pixels
from release.similarity.preprocessing import area_means

FINE_SIDE, COARSE_SIDE = 64, 32
_NEIGHBOURHOOD = 9  # pixels of the scale on a side, taken twice
_FLOOR = 8.0  # grey levels of 255
_IMAGES_AT_ONCE = 512
MAX_MARGIN = 0.45  # of the side: a wider margin is a part of the image that is hidden, and stays
_UNIFORM = 4.0  # grey levels: a row that deviates less shows nothing


class Structure(NamedTuple):
    """The structure of n images.

    Attributes:
        fine: (n, 64, 64), where edges and ribs are distinct.
        medium: (n, 32, 32), means of it.
        coarse: (n, 32, 32), of the smoothed image: noise, blur and compression leave it as it is.
    """

    fine: Tensor
    medium: Tensor
    coarse: Tensor

    @classmethod
    def of(cls, pixels: Pixels) -> Structure:
        """Find the structure of images (n, size, size)."""
        lots = [
            _of_images(area_means(pixels[start : start + _IMAGES_AT_ONCE], FINE_SIDE))
            for start in range(0, max(1, len(pixels)), _IMAGES_AT_ONCE)
        ]
        return cls(*(torch.cat(parts) for parts in zip(*lots, strict=True)))


def _of_images(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    smooth = _box(_median(trimmed(images).unsqueeze(1)), 3)
    smoother = _box(_box(smooth, 5), 3).squeeze(1)
    fine = _standardised(smooth)
    return fine, _halved(fine), _standardised(_halved(smoother).unsqueeze(1))


def _halved(images: Tensor) -> Tensor:
    """Average images (n, 64, 64) over 2 x 2 pixels."""
    return images.view(-1, COARSE_SIDE, 2, COARSE_SIDE, 2).mean((2, 4))


def _standardised(images: Tensor) -> Tensor:
    """Take the local mean off each place and divide by the local deviation: (n, side, side)."""
    deviations = images - _neighbourhood_mean(images)
    variance = _neighbourhood_mean(deviations.square())
    return (deviations * (variance + _FLOOR**2).rsqrt()).squeeze(1)


def _neighbourhood_mean(images: Tensor) -> Tensor:
    return _box(_box(images, _NEIGHBOURHOOD), _NEIGHBOURHOOD)


def _median(images: Tensor) -> Tensor:
    """Take the median of 3 x 3 pixels, which single pixels of noise do not reach.

    Of the sorted columns the largest lowest, the middle middle and the smallest highest value are
    left, and the middle of these is the median (Smith 1996).
    """
    padded = F.pad(images, [1] * 4, mode="replicate")
    low, middle, high = _sorted(*(padded[..., k : k + images.shape[-2], :] for k in range(3)))
    columns = [
        [each[..., k : k + images.shape[-1]] for k in range(3)] for each in (low, middle, high)
    ]
    highest_low = _sorted(*columns[0])[2]
    lowest_high = _sorted(*columns[2])[0]
    return _sorted(highest_low, _sorted(*columns[1])[1], lowest_high)[1]


def _sorted(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sort three images pixel by pixel."""
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    middle = torch.maximum(low, c)
    return torch.minimum(low, c), torch.minimum(middle, high), torch.maximum(middle, high)


def _box(images: Tensor, side: int) -> Tensor:
    """Average over squares; edges are repeated."""
    padded = F.pad(images, [side // 2] * 4, mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(padded, (side, 1), stride=1), (1, side), stride=1)


def trimmed(images: Tensor) -> Tensor:
    """Cut uniform rows and columns off the edges and enlarge what is left.

    A border, a frame or what a shift leaves empty shows no patient.

    Args:
        images: (n, side, side), grey levels.
    """
    side = images.shape[-1]
    top, bottom = _margins(images.std(2))
    left, right = _margins(images.std(1))
    height, width = side - top - bottom, side - left - right
    zero = torch.zeros_like(height)
    maps = torch.stack(
        [width / side, zero, (left - right) / side, zero, height / side, (top - bottom) / side], 1
    ).view(-1, 2, 3)
    cut = (height < side) | (width < side)
    if not cut.any():
        return images
    grid = F.affine_grid(maps[cut], [int(cut.sum()), 1, side, side], align_corners=False)
    shown = images.clone()
    shown[cut] = F.grid_sample(
        images[cut, None], grid, padding_mode="border", align_corners=False
    ).squeeze(1)
    return shown


def _margins(deviations: Tensor) -> tuple[Tensor, Tensor]:
    """Count the uniform lines at the start and at the end of each row, (n,) each."""
    most = MAX_MARGIN * deviations.shape[1]
    uniform = (deviations < _UNIFORM).float()
    first, last = (each.cumprod(1).sum(1) for each in (uniform, uniform.flip(1)))
    return torch.where(first < most, first, 0), torch.where(last < most, last, 0)
