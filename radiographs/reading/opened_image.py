"""An image whose header was read and whose pixels are not decoded yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from radiographs.errors import UnreadableImage
from radiographs.reading.image_header import ImageHeader
from radiographs.store.pixels import Pixels

MAX_PIXELS = 100_000_000
MIN_SIDE = 32


@dataclass(frozen=True)
class OpenedImage:
    """An image of any format.

    Args:
        header: What it says of itself.
        decode: Decodes it to grey, upright, over the whole range of its type; may raise anything.
    """

    header: ImageHeader
    decode: Callable[[], Pixels]


def check_size(width: int, height: int) -> None:
    """Refuse images of too many pixels or too few.

    Raises:
        UnreadableImage: too_large, too_small.
    """
    if width * height > MAX_PIXELS:
        reason = f"It has {width}x{height} pixels; {MAX_PIXELS:,} in all are allowed. Reduce it."
        raise UnreadableImage("too_large", reason)
    if min(width, height) < MIN_SIDE:
        reason = f"It has {width}x{height} pixels; each side needs {MIN_SIDE}."
        raise UnreadableImage("too_small", reason)
