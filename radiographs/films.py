"""A film made ready for the store."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from radiographs.duplicates import Likeness, likeness
from radiographs.layouts import FilmFile
from radiographs.pixels import Pixels, to_depth
from radiographs.resizing import Fit, reaches, to_square


class Film(NamedTuple):
    """What is remembered of a film once its pixels are written.

    Args:
        file: Its name, label and patient.
        digest: SHA-256 of the stored pixels, in hexadecimal.
        likeness: What near duplicates are told by.
        upsampled: Whether it had fewer pixels than the store's size.
    """

    file: FilmFile
    digest: str
    likeness: Likeness
    upsampled: bool


def prepare(file: FilmFile, pixels: Pixels, size: int, depth: int, fit: Fit) -> tuple[Film, Pixels]:
    """Bring a film to the store's size and depth, and take its measures."""
    height, width = pixels.shape
    stored = to_depth(to_square(pixels, size, fit), pixels.dtype.itemsize * 8, depth)
    film = Film(
        file=file,
        digest=hashlib.sha256(stored.tobytes()).hexdigest(),
        likeness=likeness(stored),
        upsampled=not reaches(height, width, size, fit),
    )
    return film, stored
