"""Finds legible text that is burnt into an image.

Text is a line of three legible letters or digits, or more: a name, a date, a number, and also
words such as PORTABLE, since words are not read. Two letters or fewer, such as L, R, AP or PA,
are a marker and no text. docs/burned-in-text.md says what is found and what is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from radiographs.burned_in_text.network import scores
from radiographs.burned_in_text.strokes import places_with_strokes
from radiographs.burned_in_text.windows import (
    COLUMNS,
    PAD_COLUMNS,
    PAD_ROWS,
    ROWS,
    Grey,
    cut,
    levels,
)
from radiographs.store.pixels import Pixels

MIN_SCORE = 1.0
MIN_WINDOWS = 2  # that overlap, in one reduction of the image
LONGEST_SIDE = 1280  # pixels: a larger image is looked at reduced by a whole factor
_USUAL_RANGE = 128  # grey levels: an image of 8 bits that has so many is taken as it is


class TextBox(NamedTuple):
    """Part of an image with text: one line, or several that lie close together.

    Args:
        top: First row.
        left: First column.
        bottom: Row below the last one.
        right: Column behind the last one.
        num_windows: How many windows in it show text: the more, the surer.
    """

    top: int
    left: int
    bottom: int
    right: int
    num_windows: int


def find_text(pixels: Pixels) -> list[TextBox]:
    """Find text in an image of any size that runs from left to right, turned by a little at most.

    Args:
        pixels: (height, width), of 8 or 16 bits.

    Returns:
        Boxes that do not overlap.
    """
    factor, image = _reduced(_eight_bits(pixels))
    return [_enlarged(box, factor, pixels.shape) for box in _joined(_boxes(image))]


def _eight_bits(pixels: Pixels) -> Grey:
    """Spread the grey values that an image has over 0 to 255."""
    low, high = int(pixels.min()), int(pixels.max())
    if pixels.dtype == np.uint8 and high - low >= _USUAL_RANGE:
        return pixels.astype(np.uint8, copy=False)
    scale = np.float32(255 / max(high - low, 1))
    return ((pixels - pixels.dtype.type(low)) * scale).astype(np.uint8)


def _reduced(image: Grey) -> tuple[int, Grey]:
    factor = -(-max(image.shape) // LONGEST_SIDE)
    return factor, np.asarray(Image.fromarray(image).reduce(factor)) if factor > 1 else image


def _enlarged(box: TextBox, factor: int, shape: tuple[int, ...]) -> TextBox:
    """Return a box's place in the whole image."""
    return TextBox(
        max(factor * box.top, 0),
        max(factor * box.left, 0),
        min(factor * box.bottom, shape[0]),
        min(factor * box.right, shape[1]),
        box.num_windows,
    )


def _boxes(image: Grey) -> Iterator[TextBox]:
    """Look for text in an image and its reductions."""
    for factor, level in levels(image):
        places = places_with_strokes(level)
        if len(places.top):
            shown = scores(cut(level, places)) > MIN_SCORE
            corners = zip(places.top[shown].tolist(), places.left[shown].tolist(), strict=True)
            windows = (_window(top, left, factor) for top, left in corners)
            yield from (box for box in _joined(windows) if box.num_windows >= MIN_WINDOWS)


def _window(top: int, left: int, factor: int) -> TextBox:
    """Return the place of a window of a padded, reduced image in the image itself."""
    top, left = top - PAD_ROWS, left - PAD_COLUMNS
    bottom, right = top + ROWS, left + COLUMNS
    return TextBox(factor * top, factor * left, factor * bottom, factor * right, 1)


def _joined(boxes: Iterable[TextBox]) -> list[TextBox]:
    """Join boxes that overlap, until none does."""
    apart: list[TextBox] = []
    for box in boxes:
        joined = box
        while touching := [other for other in apart if _overlap(joined, other)]:
            apart = [other for other in apart if other not in touching]
            joined = _around(joined, *touching)
        apart.append(joined)
    return apart


def _overlap(one: TextBox, other: TextBox) -> bool:
    rows = one.top < other.bottom and other.top < one.bottom
    return rows and one.left < other.right and other.left < one.right


def _around(*boxes: TextBox) -> TextBox:
    tops, lefts, bottoms, rights, counts = zip(*boxes, strict=True)
    return TextBox(min(tops), min(lefts), max(bottoms), max(rights), sum(counts))
