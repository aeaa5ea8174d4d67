"""Near-duplicates that show the same greys in other places; what lies beyond an edge repeats it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from release.films import Pixels

SHIFT = 3 / 64  # of the side
ROTATION = 5.0  # degrees
CROP = 0.1  # of the side
_FILMS_AT_ONCE = 512


def flipped(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - nothing is drawn
    """Mirror films."""
    return pixels[:, :, ::-1].copy()


def shifted(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Shift films by 3 of 64 pixels along each axis."""
    place = 2 * SHIFT * rng.choice([-1.0, 1.0], (len(pixels), 2))
    return _warped(pixels, np.zeros(len(pixels)), 1.0, place)


def rotated(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Turn films about their middle by 5 degrees, either way."""
    angles = np.radians(ROTATION) * rng.choice([-1.0, 1.0], len(pixels))
    return _warped(pixels, angles, 1.0, np.zeros((len(pixels), 2)))


def cropped(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Cut a tenth of each side away, somewhere about the edges, and enlarge what is left."""
    place = rng.uniform(-CROP, CROP, (len(pixels), 2))
    return _warped(pixels, np.zeros(len(pixels)), 1 - CROP, place)


def _warped(
    pixels: Pixels, angles: NDArray[np.float64], scale: float, place: NDArray[np.float64]
) -> Pixels:
    """Show films through a turned, scaled and moved window.

    Args:
        pixels: (n, size, size).
        angles: (n,), in radians.
        scale: Side of the window, in sides of the film.
        place: (n, 2), the window's middle: x and y in [-1, 1].
    """
    cos, sin = scale * np.cos(angles), scale * np.sin(angles)
    matrices = np.stack([cos, -sin, place[:, 0], sin, cos, place[:, 1]], 1).reshape(-1, 2, 3)
    warped = np.empty_like(pixels)
    for start in range(0, len(pixels), _FILMS_AT_ONCE):
        some = slice(start, start + _FILMS_AT_ONCE)
        films = torch.from_numpy(pixels[some]).float().unsqueeze(1)
        grid = F.affine_grid(
            torch.from_numpy(matrices[some]).float(), list(films.shape), align_corners=False
        )
        seen = F.grid_sample(films, grid, padding_mode="border", align_corners=False)
        warped[some] = seen.round().clamp(0, 255).byte().squeeze(1).numpy()
    return warped
