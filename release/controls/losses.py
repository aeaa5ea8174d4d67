"""Near-duplicates that have lost fine detail."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from release.films import Pixels

BLUR = 1 / 64  # standard deviation, of the side
JPEG_QUALITY = 30


def blurred(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - nothing is drawn
    """Blur films by a Gaussian of one pixel in 64."""
    gaussian = ImageFilter.GaussianBlur(BLUR * pixels.shape[1])
    return _each(pixels, lambda film: film.filter(gaussian))


def compressed(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - nothing is drawn
    """Store films as JPEG of quality 30, and read them again."""
    return _each(pixels, _through_jpeg)


def _through_jpeg(film: Image.Image) -> Image.Image:
    file = io.BytesIO()
    film.save(file, "JPEG", quality=JPEG_QUALITY)
    return Image.open(file)


def _each(pixels: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    films = [np.asarray(change(Image.fromarray(film))) for film in pixels]
    return np.stack(films) if films else pixels.copy()
