"""Near-duplicates that have lost fine detail."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from release.controls.control import Change
from release.data import Pixels


def blurred(deviation: float) -> Change:
    """Blur images by a Gaussian, whose standard deviation is a share of the side."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        gaussian = ImageFilter.GaussianBlur(deviation * pixels.shape[1])
        return _each(pixels, lambda image: image.filter(gaussian))

    return change


def compressed(quality: int) -> Change:
    """Store images as JPEG, and read them again."""

    def through_jpeg(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return lambda pixels, rng: _each(pixels, through_jpeg)  # noqa: ARG005 - nothing is drawn


def resampled(factor: int) -> Change:
    """Shrink images by a factor, and enlarge them again."""

    def change(image: Image.Image) -> Image.Image:
        small = image.resize((image.width // factor, image.height // factor), Image.Resampling.BOX)
        return small.resize(image.size, Image.Resampling.BICUBIC)

    return lambda pixels, rng: _each(pixels, change)  # noqa: ARG005 - nothing is drawn


def principal(num_components: int) -> Change:
    """Keep the leading principal components of the images among themselves."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        if not len(pixels):
            return pixels.copy()
        flat = pixels.reshape(len(pixels), -1).astype(np.float64)
        mean = flat.mean(0)
        _, _, axes = np.linalg.svd(flat - mean, full_matrices=False)
        leading = axes[: min(num_components, max(1, len(pixels) // 2))]
        kept = mean + (flat - mean) @ leading.T @ leading
        changed: Pixels = np.rint(kept.clip(0, 255)).astype(np.uint8).reshape(pixels.shape)
        return changed

    return change


def _each(pixels: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    images = [np.asarray(change(Image.fromarray(image))) for image in pixels]
    return np.stack(images) if images else pixels.copy()
