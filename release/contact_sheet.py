"""A contact sheet: images side by side on one picture, a row for each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.package.png import png

_GAP = 2


def contact_sheet(
    images: Sequence[NDArray[np.uint8]], columns: int, max_side: int | None = None
) -> bytes:
    """Lay images out row by row.

    Args:
        images: Each (h, w), all of one size.
        columns: Images in a row.
        max_side: Larger images are scaled down to this side, in pixels.

    Returns:
        A grey PNG.
    """
    side = min(images[0].shape[0], max_side or images[0].shape[0])
    rows = -(-len(images) // columns)
    step = side + _GAP
    sheet = np.zeros((rows * step - _GAP, columns * step - _GAP), np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * step, index % columns * step
        small = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
        sheet[top : top + side, left : left + side] = np.asarray(small)
    return png(sheet)
