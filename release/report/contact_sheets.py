"""Contact sheets of synthetic images as images inside the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from release.contact_sheet import contact_sheet

_COLUMNS = 8
_MAX_SIDE = 128


@dataclass(frozen=True)
class Sheet:
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


def sheets_of(images: Mapping[str, NDArray[np.uint8]]) -> list[Sheet]:
    """Lay out the images of each class, (n, h, w), in the order of the classes' names."""
    return [_sheet(label, images[label]) for label in sorted(images) if len(images[label])]


def _sheet(label: str, images: NDArray[np.uint8]) -> Sheet:
    columns = min(_COLUMNS, len(images))
    data = base64.b64encode(contact_sheet(list(images), columns, _MAX_SIDE)).decode()
    return Sheet(label, len(images), columns, f"data:image/png;base64,{data}")
