"""An image made ready for the store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from radiographs.duplicates.descriptor import Descriptor, describe
from radiographs.reading.listing import ListedImage
from radiographs.store.pixels import Pixels, to_depth
from radiographs.store.resizing import Fit, reaches, to_square


@dataclass(frozen=True)
class StoredForm:
    """The form that all images of a store have.

    Args:
        size: Side.
        depth: 8 or 16 bits.
        fit: How an image that is not square becomes square.
    """

    size: int
    depth: int
    fit: Fit


class PreparedPixels(NamedTuple):
    """What decoding one image comes to.

    Args:
        stored: (size, size), what the store keeps.
        descriptor: What the image shows, whatever the store's size, depth and fit.
        upsampled: Whether it had fewer pixels than the store's size.
    """

    stored: Pixels
    descriptor: Descriptor
    upsampled: bool


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

    @classmethod
    def of(cls, file: ListedImage, pixels: PreparedPixels) -> PreparedImage:
        """Keep what is to be remembered of an image."""
        return cls(
            file=file,
            digest=hashlib.sha256(pixels.stored.tobytes()).hexdigest(),
            descriptor=pixels.descriptor,
            look=hashlib.sha256(pixels.descriptor.tobytes()).hexdigest(),
            upsampled=pixels.upsampled,
        )


def prepare(pixels: Pixels, form: StoredForm) -> PreparedPixels:
    """Bring an image to a store's form, and describe it."""
    height, width = pixels.shape
    values = pixels.astype(np.float32)
    square = to_square(values, form.size, form.fit)
    return PreparedPixels(
        stored=to_depth(square, pixels.dtype.itemsize * 8, form.depth),
        descriptor=describe(pixels, values),
        upsampled=not reaches(height, width, form.size, form.fit),
    )
