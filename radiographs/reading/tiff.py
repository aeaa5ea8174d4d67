"""TIFF: eight bits by Pillow, which knows its colours; deeper grey by libtiff.

How the grey values of deeper images are understood:

    unsigned, 16 bits         as they are
    signed, 16 bits           moved up by 32,768, which keeps their order
    longer or floating point  from 0 to 1: stretched to 16 bits; else from 0 to 65,535: rounded;
                              anything else is refused, since no range is known
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from radiographs.errors import UnreadableImage
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.opened_image import OpenedImage, check_size
from radiographs.reading.pillow_image import open_by_pillow
from radiographs.store.pixels import Pixels

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the latter two of BigTIFF
# Tags: TIFF 6.0, section 8.
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _FORMAT = (
    254,
    256,
    257,
    258,
    262,
    277,
    339,
)
_REDUCED = 1  # a bit of _SUBFILE: a smaller copy of another page
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_MAX_PAGES = 16  # looked at


def open_tiff(data: bytes) -> OpenedImage:
    """Open a TIFF of one page.

    Raises:
        UnreadableImage: The header cannot be read, several pages, or a mode that we refuse.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of tags that nobody asks for
        pages = _pages(data)
        if not pages:
            raise UnreadableImage("corrupt", "It is a TIFF without a page; copy it again.")
        if len(pages) > 1:
            reason = f"It is a TIFF of {len(pages)} pages; save the one that is meant by itself."
            raise UnreadableImage("unsupported_format", reason)
        (page,) = pages
        bits = page.get(_BITS, (1,))
        if max(bits) <= 8:
            return open_by_pillow(data, TiffImageFile, "TIFF")
    width, height = int(page[_WIDTH]), int(page[_HEIGHT])
    check_size(width, height)
    if len(bits) != 1 or page.get(_PHOTOMETRIC) not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO):
        reason = "It is a TIFF of more than 8 bits in colour; save it as 16-bit grey."
        raise UnreadableImage("unsupported_mode", reason)
    inverted = page[_PHOTOMETRIC] == _WHITE_IS_ZERO
    return OpenedImage(
        ImageHeader(width, height, 16, format="TIFF"), lambda: _decode(data, inverted=inverted)
    )


def _pages(data: bytes) -> list[dict[int, Any]]:
    """Read the tags of every page that is no smaller copy of another."""
    file = io.BytesIO(data)
    pages: list[dict[int, Any]] = []
    places: set[int] = set()
    try:
        directory = ImageFileDirectory_v2(data[:16] if data[2] == 43 or data[3] == 43 else data[:8])
        for _ in range(_MAX_PAGES):
            if not directory.next or directory.next in places:
                break
            places.add(directory.next)
            file.seek(directory.next)
            directory.load(file)
            tags = {tag: directory[tag] for tag in _TAGS if tag in directory}
            if not tags.get(_SUBFILE, 0) & _REDUCED:
                tags[_WIDTH], tags[_HEIGHT]
                pages.append(tags)
    except MemoryError:
        raise
    except Exception as error:  # whatever a reader raises for a file is that file's fault
        reason = "Its TIFF header cannot be read; copy it again."
        raise UnreadableImage("corrupt", reason) from error
    return pages


_TAGS = (_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _FORMAT)


def _decode(data: bytes, *, inverted: bool) -> Pixels:
    import imagecodecs

    values = imagecodecs.tiff_decode(data)
    if values.ndim != 2:
        raise UnreadableImage("unsupported_mode", "It is no TIFF of one grey value for each pixel.")
    pixels = _to_16_bits(values)
    return 65535 - pixels if inverted else pixels


def _to_16_bits(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Bring grey values to 16 bits by the rule that this module states."""
    if values.dtype == np.uint16:
        return values.astype(np.uint16, copy=False)
    if values.dtype == np.int16:
        return (values.astype(np.int32) + 32768).astype(np.uint16)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):  # false also where a value is no number
        reason = (
            "Its grey values are neither from 0 to 1 nor from 0 to 65,535, so that black and white "
            "are not known. Save it as 16-bit grey."
        )
        raise UnreadableImage("unsupported_mode", reason)
    scale = 65535 if high <= 1 and values.dtype.kind == "f" else 1
    return np.floor(values * scale + 0.5).astype(np.uint16)
