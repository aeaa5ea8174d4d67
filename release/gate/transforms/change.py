"""How a change of images is made of what is done to one, or to all alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from release.data import Pixels

# from images (n, size, size) and a random source to near-duplicates of the same shape
Change = Callable[[Pixels, np.random.Generator], Pixels]


def same(change: Callable[[Tensor], Tensor]) -> Change:
    """Change all images, (n, 1, size, size), in the same way."""

    def changed(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        if not len(pixels):
            return pixels.copy()
        return change(torch.from_numpy(pixels.copy())[:, None])[:, 0].numpy()

    return changed


def by_pillow(change: Callable[[Image.Image], Image.Image]) -> Change:
    """Change images one by one, all in the same way."""

    def changed(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        images = [np.asarray(change(Image.fromarray(image))) for image in pixels]
        return np.stack(images) if images else pixels.copy()

    return changed


def each(change: Callable[[Tensor, np.random.Generator], Tensor]) -> Change:
    """Change images, (1, size, size), each in its own way."""

    def changed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        images = [change(image[None], rng)[0].numpy() for image in torch.from_numpy(pixels.copy())]
        return np.stack(images) if images else pixels.copy()

    return changed


def resized(images: Tensor, height: int, width: int, mode: str = "bilinear") -> Tensor:
    """Resize images, (n, 1, h, w) of 8 bits, without aliasing; modes are those of `interpolate`."""
    return F.interpolate(images, (height, width), mode=mode, antialias=True)


def middle(images: Tensor, height: int, width: int) -> Tensor:
    """Cut out the middle of images, (..., h, w)."""
    top, left = round((images.shape[-2] - height) / 2), round((images.shape[-1] - width) / 2)
    return images[..., top : top + height, left : left + width]
