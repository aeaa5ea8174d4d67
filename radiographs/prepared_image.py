"""An image made ready for the store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from radiographs.brightest import brightest
from radiographs.burned_in_text.detector import find_text
from radiographs.burned_in_text.masking import mask
from radiographs.duplicates.descriptor import Descriptor, describe
from radiographs.errors import UnreadableImage
from radiographs.reading.listing import ListedImage
from radiographs.store.pixels import Pixels, to_depth
from radiographs.store.resizing import Fit, reaches, to_square

BurnedInText = Literal["keep", "mask", "drop"]
TEXT_DROPPED = "Text is burnt into it, and such images were to be dropped."


@dataclass(frozen=True)
class StoredForm:
    """The form that all images of a store have.

    Args:
        size: Side.
        depth: 8 or 16 bits.
        fit: How an image that is not square becomes square.
        burned_in_text: Whether legible text is kept, masked, or its image dropped.
    """

    size: int
    depth: int
    fit: Fit
    burned_in_text: BurnedInText = "keep"


class PreparedPixels(NamedTuple):
    """What decoding one image comes to.

    Args:
        stored: (size, size), what the store keeps.
        descriptor: What the image shows, whatever the store's size, depth and fit.
        upsampled: Whether it had fewer pixels than the store's size.
        num_places: Places at which text is burnt into it.
        top: The brightest stored value that is no marker's.
    """

    stored: Pixels
    descriptor: Descriptor
    upsampled: bool
    num_places: int
    top: int


class PreparedImage(NamedTuple):
    """What is remembered of an image once its pixels are written.

    Args:
        file: Its name, label and patient.
        digest: SHA-256 of the stored pixels, in hexadecimal.
        descriptor: What the image shows, whatever the store's size, depth and fit.
        look: SHA-256 of the descriptor, in hexadecimal.
        upsampled: Whether it had fewer pixels than the store's size.
        num_places: Places at which text is burnt into it.
    """

    file: ListedImage
    digest: str
    descriptor: Descriptor
    look: str
    upsampled: bool
    num_places: int

    @classmethod
    def of(cls, file: ListedImage, pixels: PreparedPixels) -> PreparedImage:
        """Keep what is to be remembered of an image."""
        return cls(
            file=file,
            digest=hashlib.sha256(pixels.stored.tobytes()).hexdigest(),
            descriptor=pixels.descriptor,
            look=hashlib.sha256(pixels.descriptor.tobytes()).hexdigest(),
            upsampled=pixels.upsampled,
            num_places=pixels.num_places,
        )


def prepare(pixels: Pixels, form: StoredForm) -> PreparedPixels:
    """Bring an image to a store's form, and describe it as it was before text was masked.

    Raises:
        UnreadableImage: burned_in_text, where such images are dropped.
    """
    height, width = pixels.shape
    found = find_text(pixels)
    if found and form.burned_in_text == "drop":
        raise UnreadableImage("burned_in_text", TEXT_DROPPED)
    shown = mask(pixels, found) if form.burned_in_text == "mask" else pixels
    values = pixels.astype(np.float32)
    square = to_square(values if shown is pixels else shown, form.size, form.fit)
    depth = pixels.dtype.itemsize * 8
    stored = to_depth(square, depth, form.depth)
    top = to_depth(np.array([brightest(pixels)], np.float32), depth, form.depth)
    return PreparedPixels(
        stored=stored,
        descriptor=describe(pixels, values),
        upsampled=not reaches(height, width, form.size, form.fit),
        num_places=len(found),
        top=min(int(stored.max()), int(top[0])),
    )
