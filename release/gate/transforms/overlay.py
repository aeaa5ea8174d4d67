"""Changes that lay something over a training image: text, borders, a blot, another image."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from release.data import Pixels
from release.gate.transforms.change import Change, each, middle, resized, same

_TEXT = "LR AP 0123456789"


def lettered(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Write two white lines somewhere."""
    return np.stack([_lettered(image, rng) for image in pixels]) if len(pixels) else pixels.copy()


def _lettered(image: Pixels, rng: np.random.Generator) -> Pixels:
    page = Image.fromarray(image)
    page = page.resize((256, 256), Image.Resampling.BILINEAR)  # letters have room there
    pen = ImageDraw.Draw(page)
    for _ in range(2):
        at = (float(rng.integers(5, 120)), float(rng.integers(5, 225)))
        pen.text(at, "".join(rng.choice(list(_TEXT), 10)), fill=255, font_size=23.04)
    return np.asarray(page.resize(image.shape[::-1], Image.Resampling.BOX))


def bordered(share: float, grey: int) -> Change:
    """Paint a border over the edges, of a share of the side."""

    def change(images: Tensor) -> Tensor:
        side = images.shape[-1]
        width = max(1, round(share * side))
        inside = middle(images, side - 2 * width, side - 2 * width)
        return F.pad(inside, [width] * 4, value=grey)

    return same(change)


def framed(share: float) -> Change:
    """Shrink images into a black frame, of a share of the side."""

    def change(images: Tensor) -> Tensor:
        side = images.shape[-1]
        width = max(1, round(share * side))
        return F.pad(resized(images, side - 2 * width, side - 2 * width), [width] * 4)

    return same(change)


def cut_out(share: float) -> Change:
    """Blot out a square of mid-grey somewhere, of a share of the side."""

    def change(image: Tensor, rng: np.random.Generator) -> Tensor:
        side = image.shape[-1]
        width = round(share * side)
        row, column = rng.integers(0, side - width, 2).tolist()
        blotted = image.clone()
        blotted[:, row : row + width, column : column + width] = 128
        return blotted

    return each(change)


def within(hosts: Pixels, shown: NDArray[np.floating] | NDArray[np.bool_]) -> Change:
    """Show images where a mask (size, size) is one, and hosts where it is zero."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        mixed = shown * pixels + (1.0 - shown) * hosts[: len(pixels)]
        return np.rint(mixed).astype(np.uint8)

    return change
