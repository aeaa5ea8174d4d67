"""Changes of where a training image's pixels are: moved, cropped, stretched, warped."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter, map_coordinates
from torch import Tensor

from release.data import Array, Pixels
from release.gate.transforms.change import Change, each, middle, resized, same

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
        images = torch.from_numpy(pixels.copy())[:, None, None]  # (n, 1, 1, side, side)
        shown = [  # one by one, since padded ones take much memory
            _moved(image, _seen_at(turn, zoom, *place), "constant" if black else "replicate")
            for image, turn, place in zip(images, turns, shifts, strict=True)
        ]
        return torch.cat(shown)[:, 0].numpy() if n else pixels.copy()

    return change


def _seen_at(degrees: float, zoom: float, right: float, down: float) -> Tensor:
    """Map places about the middle to where they are seen in the image, (2, 3).

    Args:
        degrees: By which the image is turned, clockwise.
        zoom: By which it is enlarged before.
        right: By which it is moved afterwards, in pixels.
        down: The same.
    """
    turn = radians(degrees)
    x = (cos(turn) / zoom, sin(turn) / zoom)
    y = (-sin(turn) / zoom, cos(turn) / zoom)
    seen_at = [(a, b, -(a * right + b * down)) for a, b in (x, y)]
    return torch.tensor(seen_at, dtype=torch.float32)


def _moved(image: Tensor, seen_at: Tensor, padding: str) -> Tensor:
    """Show an image, (1, 1, side, side), at mapped places, (2, 3)."""
    side = image.shape[-1]
    padded = F.pad(image.float(), [side // 2] * 4, mode=padding)
    return middle(_sampled(padded, seen_at), side, side)


def _sampled(image: Tensor, seen_at: Tensor) -> Tensor:
    """Sample an image, (1, 1, h, w), bilinearly at mapped places, (2, 3); beyond is black."""
    height, width = image.shape[-2:]
    half = torch.tensor([width / 2, height / 2])
    y, x = torch.meshgrid(_about_the_middle(height), _about_the_middle(width), indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], -1)  # (h, w, 3)
    grid = places @ (seen_at.mT / half)  # (h, w, 2)
    return F.grid_sample(image, grid[None], align_corners=False).round().byte()


def _about_the_middle(num: int) -> Tensor:
    """Return the places of pixels along a side, from its middle."""
    return torch.linspace((1 - num) / 2, (num - 1) / 2, num)


def stretched(factor: float) -> Change:
    """Enlarge from top to bottom alone."""

    def change(images: Tensor) -> Tensor:
        side = images.shape[-1]
        return middle(resized(images, round(factor * side), side), side, side)

    return same(change)


def cropped(share: float) -> Change:
    """Cut a share of each side away, somewhere about the edges, and enlarge what is left."""

    def change(image: Tensor, rng: np.random.Generator) -> Tensor:
        side = image.shape[-1]
        left = round((1 - share) * side)
        row, column = rng.integers(0, side - left + 1, 2).tolist()
        cut = image[:, row : row + left, column : column + left]
        return resized(cut[None], side, side)[0]

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
