"""From colour to grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radiographs.store.pixels import Pixels

_PIXELS_AT_ONCE = 4_000_000  # of colour: several copies of these are needed to make them grey


def grey_of(image: Image.Image) -> Pixels:
    """Return an image's grey pixels, black where it was transparent.

    Colour becomes luminance (ITU-R 601, rounded), which leaves grey as it is.
    """
    if image.mode == "I;16":
        pixels = np.asarray(image, dtype=np.uint16)
        transparent = image.info.get("transparency")
        return pixels if transparent is None else np.where(pixels == transparent, 0, pixels)
    if image.mode == "L" and not image.has_transparency_data:
        return np.asarray(image)
    rows = max(1, _PIXELS_AT_ONCE // image.width)
    if rows >= image.height:
        return _grey_of_strip(image)
    pixels = np.empty((image.height, image.width), np.uint8)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        pixels[top : top + rows] = _grey_of_strip(strip)
    return pixels


def _grey_of_strip(image: Image.Image) -> NDArray[np.uint8]:
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        grey = np.asarray(rgba.convert("RGB").convert("L"), dtype=np.uint16)
        alpha = np.asarray(rgba.getchannel("A"), dtype=np.uint16)
        return ((grey * alpha + 127) // 255).astype(np.uint8)  # over black
    if image.mode in {"P", "CMYK"}:
        image = image.convert("RGB")
    return np.asarray(image.convert("L"))
