"""Near-duplicates with something laid over them: letters, a border, a frame, a blank square."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from release.controls.control import Change
from release.data import Pixels

_NUM_LINES = 2
_LINE = "LR AP 0123456789"
_FONT_SHARE = 0.09  # of the side


def lettered(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Write two white lines somewhere."""
    return np.stack([_lettered(image, rng) for image in pixels]) if len(pixels) else pixels.copy()


def _lettered(image: Pixels, rng: np.random.Generator) -> Pixels:
    page = Image.fromarray(image)
    page = page.resize((256, 256), Image.Resampling.BILINEAR)  # letters have room there
    pen = ImageDraw.Draw(page)
    for _ in range(_NUM_LINES):
        at = (float(rng.integers(5, 120)), float(rng.integers(5, 225)))
        text = "".join(rng.choice(list(_LINE), 10))
        pen.text(at, text, fill=255, font_size=_FONT_SHARE * page.height)
    return np.asarray(page.resize(image.shape[::-1], Image.Resampling.BOX))


def bordered(share: float, grey: int) -> Change:
    """Paint a border over the edges, of a share of the side."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        width = max(1, round(share * pixels.shape[1]))
        painted = np.full_like(pixels, grey)
        inside = slice(width, -width)
        painted[:, inside, inside] = pixels[:, inside, inside]
        return painted

    return change


def framed(share: float) -> Change:
    """Shrink images into a black frame, of a share of the side."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        side = pixels.shape[1]
        width = max(1, round(share * side))
        small = (side - 2 * width,) * 2
        painted = np.zeros_like(pixels)
        for image, page in zip(pixels, painted, strict=True):
            shrunk = Image.fromarray(image).resize(small, Image.Resampling.BILINEAR)
            page[width:-width, width:-width] = np.asarray(shrunk)
        return painted

    return change


def cut_out(share: float) -> Change:
    """Blot out a square of mid-grey somewhere, of a share of the side."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        side = pixels.shape[1]
        width = round(share * side)
        changed = pixels.copy()
        for image, (row, column) in zip(
            changed, rng.integers(0, side - width, (len(pixels), 2)), strict=True
        ):
            image[row : row + width, column : column + width] = 128
        return changed

    return change
