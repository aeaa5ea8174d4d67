"""Contact sheets: images side by side, as a PNG and as pictures inside a page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from release.package.png import png

GAP = 2  # pixels between images
_COLUMNS = 8
_MAX_SIDE = 128  # pixels


@dataclass(frozen=True)
class ContactSheet:
    """Images of one class on one picture.

    Attributes:
        label: The class.
        num_images: How many images are on it.
        num_columns: Images in a row.
        uri: The PNG as a data URI.
    """

    label: str
    num_images: int
    num_columns: int
    uri: str


def contact_sheet(
    pixels: NDArray[np.uint8], num_columns: int, max_side: int | None = None
) -> bytes:
    """Lay images out row by row.

    Args:
        pixels: (n, size, size).
        num_columns: Images in a row.
        max_side: Larger images are scaled down to this side, in pixels.

    Returns:
        A grey PNG.
    """
    if max_side is not None and pixels.shape[-1] > max_side:
        images = torch.from_numpy(np.array(pixels))[:, None].float()
        images = F.interpolate(images, (max_side, max_side), mode="area").round().byte()
        pixels = images[:, 0].numpy()
    n, height, width = pixels.shape
    num_columns = min(num_columns, n)
    num_rows = -(-n // num_columns)
    step = (height + GAP, width + GAP)
    sheet = np.zeros((num_rows * step[0] - GAP, num_columns * step[1] - GAP), np.uint8)
    for index, image in enumerate(pixels):
        row, column = divmod(index, num_columns)
        top, left = row * step[0], column * step[1]
        sheet[top : top + height, left : left + width] = image
    return png(sheet)


def contact_sheets(images: Mapping[str, NDArray[np.uint8]]) -> list[ContactSheet]:
    """Lay out the images of each class, (n, h, w), in the order of the classes' names."""
    return [_sheet(label, images[label]) for label in sorted(images) if len(images[label])]


def _sheet(label: str, pixels: NDArray[np.uint8]) -> ContactSheet:
    num_columns = min(_COLUMNS, len(pixels))
    data = base64.b64encode(contact_sheet(pixels, num_columns, _MAX_SIDE)).decode()
    return ContactSheet(label, len(pixels), num_columns, f"data:image/png;base64,{data}")
