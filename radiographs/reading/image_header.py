"""What an image says of itself."""

from __future__ import annotations

from typing import NamedTuple


class ImageHeader(NamedTuple):
    """What an image says of itself before its pixels are read.

    Args:
        width: Columns, as stored: the EXIF orientation may still turn them.
        height: Rows, as stored.
        bit_depth: 8 or 16.
    """

    width: int
    height: int
    bit_depth: int
