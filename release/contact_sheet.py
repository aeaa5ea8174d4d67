"""A contact sheet: films side by side on one picture, a row for each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.package.film_png import png

_GAP = 2


def contact_sheet(
    films: Sequence[NDArray[np.uint8]], columns: int, max_side: int | None = None
) -> bytes:
    """Lay films out row by row.

    Args:
        films: Each (h, w), all of one size.
        columns: Films in a row.
        max_side: Larger films are scaled down to this side, in pixels.

    Returns:
        A grey PNG.
    """
    side = min(films[0].shape[0], max_side or films[0].shape[0])
    rows = -(-len(films) // columns)
    step = side + _GAP
    sheet = np.zeros((rows * step - _GAP, columns * step - _GAP), np.uint8)
    for index, film in enumerate(films):
        top, left = index // columns * step, index % columns * step
        small = Image.fromarray(film).resize((side, side), Image.Resampling.BOX)
        sheet[top : top + side, left : left + side] = np.asarray(small)
    return png(sheet)
