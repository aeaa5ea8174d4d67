"""Near-duplicates that show the same greys in other places.

What lies beyond an edge repeats it, or is black.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from release.controls.control import Change
from release.data import Pixels

_IMAGES_AT_ONCE = 512


def flipped(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - nothing is drawn
    """Mirror images."""
    return pixels[:, :, ::-1].copy()


def shifted(share: float, *, black: bool = False) -> Change:
    """Shift images by a share of the side along each axis."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return _shown(
            pixels, place=2 * share * rng.choice([-1.0, 1.0], (len(pixels), 2)), black=black
        )

    return change


def turned(degrees: float) -> Change:
    """Turn images about their middle, either way."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return _shown(pixels, np.radians(degrees) * rng.choice([-1.0, 1.0], len(pixels)))

    return change


def zoomed(factor: float, *, black: bool = False) -> Change:
    """Enlarge images by a factor about their middle; below 1 they shrink."""
    return lambda pixels, rng: _shown(pixels, window=(1 / factor,) * 2, black=black)  # noqa: ARG005


def stretched(factor: float) -> Change:
    """Enlarge images by a factor from top to bottom alone."""
    return lambda pixels, rng: _shown(pixels, window=(1.0, 1 / factor))  # noqa: ARG005


def cropped(share: float) -> Change:
    """Cut a share of each side away, somewhere about the edges, and enlarge what is left."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        place = rng.uniform(-share, share, (len(pixels), 2))
        return _shown(pixels, window=(1 - share,) * 2, place=place)

    return change


def moved(degrees: float, factor: float, share: float) -> Change:
    """Turn, zoom and shift images, either way."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        angles = np.radians(degrees) * rng.choice([-1.0, 1.0], len(pixels))
        place = 2 * share * rng.choice([-1.0, 1.0], (len(pixels), 2))
        return _shown(pixels, angles, (1 / factor,) * 2, place)

    return change


def _shown(
    pixels: Pixels,
    angles: NDArray[np.float64] | None = None,
    window: tuple[float, float] = (1.0, 1.0),
    place: NDArray[np.float64] | None = None,
    *,
    black: bool = False,
) -> Pixels:
    """Show images through a turned, scaled and moved window.

    Args:
        pixels: (n, size, size).
        angles: (n,), in radians; 0 where there are none.
        window: Its width and height, in sides of the image.
        place: (n, 2), the window's middle, x and y in [-1, 1]; 0 where there is none.
        black: Whether black lies beyond the edges.
    """
    angles = np.zeros(len(pixels)) if angles is None else angles
    place = np.zeros((len(pixels), 2)) if place is None else place
    width, height = window
    cos, sin = np.cos(angles), np.sin(angles)
    rows = [width * cos, -height * sin, place[:, 0], width * sin, height * cos, place[:, 1]]
    matrices = np.stack(rows, 1).reshape(-1, 2, 3)
    shown = np.empty_like(pixels)
    for start in range(0, len(pixels), _IMAGES_AT_ONCE):
        some = slice(start, start + _IMAGES_AT_ONCE)
        images = torch.from_numpy(pixels[some]).float().unsqueeze(1)
        grid = F.affine_grid(
            torch.from_numpy(matrices[some]).float(), list(images.shape), align_corners=False
        )
        beyond = "zeros" if black else "border"
        seen = F.grid_sample(images, grid, padding_mode=beyond, align_corners=False)
        shown[some] = seen.round().clamp(0, 255).byte().squeeze(1).numpy()
    return shown
