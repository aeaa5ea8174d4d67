"""An image as a PNG file."""

from __future__ import annotations

import io
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode grey pixels, (h, w), as PNG.

    An image hardly repeats itself: looking for runs alone makes files as small as looking for any
    repetition does, several times faster.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_type=zlib.Z_RLE)
    return buffer.getvalue()
