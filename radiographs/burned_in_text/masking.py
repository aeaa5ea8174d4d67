"""Masks parts of an image with what lies around them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from radiographs.burned_in_text.detector import TextBox
from radiographs.store.pixels import Pixels


def mask(pixels: Pixels, boxes: Iterable[TextBox]) -> Pixels:
    """Return a copy in which each box is filled from its surroundings; nothing of it is left.

    A pixel becomes the mean of its four neighbours just outside of the box, each with the inverse
    of its distance as its weight. Text that touches a box is smeared, not read.
    """
    masked = pixels.copy()
    for box in boxes:
        masked[box.top : box.bottom, box.left : box.right] = _filling(masked, box)
    return masked


def _filling(pixels: Pixels, box: TextBox) -> Pixels:
    height, width = pixels.shape
    rows, columns = np.arange(box.top, box.bottom), np.arange(box.left, box.right)
    total = np.zeros((len(rows), len(columns)), np.float32)
    weights = np.zeros_like(total)
    sides = [
        (box.top > 0, pixels[box.top - 1, columns][None], (rows - box.top + 1)[:, None]),
        (
            box.bottom < height,
            pixels[box.bottom % height, columns][None],
            (box.bottom - rows)[:, None],
        ),
        (box.left > 0, pixels[rows, box.left - 1][:, None], (columns - box.left + 1)[None]),
        (box.right < width, pixels[rows, box.right % width][:, None], (box.right - columns)[None]),
    ]
    for exists, values, distance in sides:
        if exists:
            total += values.astype(np.float32) / distance
            weights += np.float32(1) / distance
    if not weights.any():  # the box is the image
        return np.full(total.shape, pixels.min(), pixels.dtype)
    filling: Pixels = (total / weights + 0.5).astype(pixels.dtype)
    return filling
