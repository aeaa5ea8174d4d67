"""Near-duplicates that show the same shapes in other greys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.films import Pixels

NOISE = 0.05  # standard deviation, of white
GAMMA = 1.5  # and its reciprocal
CONTRAST = 0.3  # stretched or squeezed by so much


def copied(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - nothing is drawn
    """Copy films as they are."""
    return pixels.copy()


def noisy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Add Gaussian noise."""
    return _as_pixels(pixels / 255 + rng.normal(0, NOISE, pixels.shape))


def gamma(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Raise grey levels to the power 1.5, or to its reciprocal."""
    exponents = GAMMA ** rng.choice([-1.0, 1.0], (len(pixels), 1, 1))
    return _as_pixels((pixels / 255) ** exponents)


def contrast(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Stretch or squeeze grey levels about mid-grey by 30 %."""
    gain = 1 + CONTRAST * rng.choice([-1.0, 1.0], (len(pixels), 1, 1))
    return _as_pixels(0.5 + (pixels / 255 - 0.5) * gain)


def _as_pixels(grey: NDArray[np.float64]) -> Pixels:
    pixels: Pixels = np.rint(255 * grey.clip(0, 1)).astype(np.uint8)
    return pixels
