"""An image made ready for the store."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from radiographs.duplicates.descriptor import Descriptor, describe
from radiographs.reading.layouts import ListedImage
from radiographs.store.pixels import Pixels, to_depth
from radiographs.store.resizing import Fit, reaches, to_square


class PreparedImage(NamedTuple):
    """What is remembered of an image once its pixels are written.

    Args:
        file: Its name, label and patient.
        digest: SHA-256 of the stored pixels, in hexadecimal.
        descriptor: What the image shows, whatever the store's size, depth and fit.
        look: SHA-256 of the descriptor, in hexadecimal.
        upsampled: Whether it had fewer pixels than the store's size.
    """

    file: ListedImage
    digest: str
    descriptor: Descriptor
    look: str
    upsampled: bool


def prepare(
    file: ListedImage, pixels: Pixels, size: int, depth: int, fit: Fit
) -> tuple[PreparedImage, Pixels]:
    """Bring an image to the store's size and depth, and take its measures."""
    height, width = pixels.shape
    stored = to_depth(to_square(pixels, size, fit), pixels.dtype.itemsize * 8, depth)
    descriptor = describe(pixels)
    image = PreparedImage(
        file=file,
        digest=hashlib.sha256(stored.tobytes()).hexdigest(),
        descriptor=descriptor,
        look=hashlib.sha256(descriptor.tobytes()).hexdigest(),
        upsampled=not reaches(height, width, size, fit),
    )
    return image, stored
