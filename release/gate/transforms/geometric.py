"""Changes of where a training image's pixels are: moved, cropped, stretched, warped.

Warps that repeat the edge are ours, since torchvision's do not.
"""

from __future__ import annotations

import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from scipy.ndimage import gaussian_filter, map_coordinates
from torch import Tensor
from torchvision.transforms import InterpolationMode

from release.data import Array, Pixels
from release.gate.transforms.change import Change, each, same

_SMOOTHNESS = 1 / 8  # standard deviation of a warp's filter, of the side


def moved(
    degrees: float = 0.0, zoom: float = 1.0, shift: float = 0.0, *, black: bool = False
) -> Change:
    """Rotate, zoom and shift by a share of the side along each axis, each either way.

    What lies beyond an edge repeats it, or is black.
    """

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        n, side, _ = pixels.shape
        turns = -degrees * rng.choice([-1.0, 1.0], n) if degrees else np.zeros(n)
        shifts = -shift * side * rng.choice([-1.0, 1.0], (n, 2)) if shift else np.zeros((n, 2))
        images = torch.from_numpy(pixels.copy())[:, None]
        padded = F.pad(images, [side // 2], padding_mode="constant" if black else "edge")
        shown = [
            F.affine(image, turn, place, zoom, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR)
            for image, turn, place in zip(padded, turns.tolist(), shifts.tolist(), strict=True)
        ]
        return F.center_crop(torch.stack(shown), [side, side])[:, 0].numpy() if n else pixels.copy()

    return change


def stretched(factor: float) -> Change:
    """Enlarge from top to bottom alone."""

    def change(images: Tensor) -> Tensor:
        side = images.shape[-1]
        enlarged = F.resize(images, [round(factor * side), side])
        cut: Tensor = F.center_crop(enlarged, [side, side])
        return cut

    return same(change)


def cropped(share: float) -> Change:
    """Cut a share of each side away, somewhere about the edges, and enlarge what is left."""

    def change(image: Tensor, rng: np.random.Generator) -> Tensor:
        side = image.shape[-1]
        left = round((1 - share) * side)
        row, column = rng.integers(0, side - left + 1, 2).tolist()
        enlarged: Tensor = F.resized_crop(
            image, row, column, left, left, [side, side], InterpolationMode.BILINEAR
        )
        return enlarged

    return each(change)


def warped(peak: float) -> Change:
    """Displace each pixel smoothly, by a share of the side at most along each axis.

    Reference: Simard et al. 2003, section 2 (doi:10.1109/ICDAR.2003.1227801).
    """

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        side = pixels.shape[1]
        rows, columns = np.mgrid[:side, :side].astype(np.float64)
        bent = np.empty_like(pixels)
        for image, page in zip(pixels, bent, strict=True):
            places = [
                rows + _displacement(side, peak, rng),
                columns + _displacement(side, peak, rng),
            ]
            seen = map_coordinates(image.astype(np.float64), places, order=1, mode="nearest")
            page[:] = np.rint(seen).astype(np.uint8)
        return bent

    return change


def _displacement(side: int, peak: float, rng: np.random.Generator) -> Array:
    smooth = gaussian_filter(rng.normal(size=(side, side)), _SMOOTHNESS * side, mode="wrap")
    displacement: Array = peak * side * smooth / np.abs(smooth).max()
    return displacement
