"""Windows to learn from, cut where the detector would cut them, and whether text is in each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.burned_in_text.lettering import Glyphs
from benchmarks.burned_in_text.scenes import Scene
from radiographs.burned_in_text.strokes import places_with_strokes
from radiographs.burned_in_text.windows import (
    COLUMNS,
    PAD_COLUMNS,
    PAD_ROWS,
    ROWS,
    Batch,
    Places,
    cut,
    levels,
)

LEAST_HEIGHT, GREATEST_HEIGHT = 4.8, 11.5  # of a capital in a window, in pixels
GLYPHS_OF_TEXT = 3  # a line of fewer is a marker
TEXT, NONE, UNCLEAR = 1, 0, -1


class Windows(NamedTuple):
    """Windows and what they show.

    Args:
        pixels: (n, ROWS, COLUMNS).
        truth: (n,), TEXT, NONE or UNCLEAR.
    """

    pixels: Batch
    truth: NDArray[np.int8]


def windows_of(scene: Scene, at_most: int, rng: np.random.Generator) -> Windows:
    """Cut windows of both kinds out of a scene, a limited number of each at each level."""
    found = []
    for factor, image in levels(scene.image):
        places = places_with_strokes(image)
        truth = _truth(scene, places, factor)
        for kind in (TEXT, NONE):
            chosen = rng.permutation(np.flatnonzero(truth == kind))[:at_most]
            found.append(
                Windows(cut(image, Places(places.top[chosen], places.left[chosen])), truth[chosen])
            )
    return Windows(
        np.concatenate([w.pixels for w in found]), np.concatenate([w.truth for w in found])
    )


def _truth(scene: Scene, places: Places, factor: int) -> NDArray[np.int8]:
    truth = np.full(len(places.top), NONE, np.int8)
    for line in scene.lines:
        touched, whole = _glyphs_inside(line, places, factor)
        right_height = LEAST_HEIGHT <= line.cap_height / factor <= GREATEST_HEIGHT
        truth[(touched > 0) & (truth == NONE)] = UNCLEAR
        if right_height:
            truth[whole >= GLYPHS_OF_TEXT] = TEXT
    return truth


def _glyphs_inside(
    line: Glyphs, places: Places, factor: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Count the glyphs of a line that each window touches, and the legible ones it holds whole."""
    half = line.cap_height / factor / 2
    dx = line.x[None] / factor + PAD_COLUMNS - places.left[:, None]
    dy = line.y[None] / factor + PAD_ROWS - places.top[:, None]

    def count(margin_x: float, margin_y: float, counted: NDArray[np.bool_]) -> NDArray[np.intp]:
        inside = (dx >= margin_x) & (dx <= COLUMNS - margin_x)
        inside &= (dy >= margin_y) & (dy <= ROWS - margin_y)
        return np.sum(inside & counted, axis=1)

    everything = np.ones(len(line.x), np.bool_)
    return count(-half, -half, everything), count(0.8 * half, half - 0.5, line.legible)
