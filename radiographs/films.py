"""A film made ready for the store."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from radiographs.descriptor import Descriptor, describe
from radiographs.layouts import FilmFile
from radiographs.pixels import Pixels, to_depth
from radiographs.resizing import Fit, reaches, to_square


class Film(NamedTuple):
    """What is remembered of a film once its pixels are written.

    Args:
        file: Its name, label and patient.
        digest: SHA-256 of the stored pixels, in hexadecimal.
        descriptor: What the image shows, whatever the store's size, depth and fit.
        look: SHA-256 of the descriptor, in hexadecimal.
        upsampled: Whether it had fewer pixels than the store's size.
    """

    file: FilmFile
    digest: str
    descriptor: Descriptor
    look: str
    upsampled: bool


def prepare(file: FilmFile, pixels: Pixels, size: int, depth: int, fit: Fit) -> tuple[Film, Pixels]:
    """Bring a film to the store's size and depth, and take its measures."""
    height, width = pixels.shape
    stored = to_depth(to_square(pixels, size, fit), pixels.dtype.itemsize * 8, depth)
    descriptor = describe(pixels)
    film = Film(
        file=file,
        digest=hashlib.sha256(stored.tobytes()).hexdigest(),
        descriptor=descriptor,
        look=hashlib.sha256(descriptor.tobytes()).hexdigest(),
        upsampled=not reaches(height, width, size, fit),
    )
    return film, stored
