"""Which way up an image is, by its EXIF tag."""

from __future__ import annotations

from typing import Literal

from radiographs.store.pixels import Pixels

_ORIENTATION_TAG = 0x0112
_ENTRY_BYTES = 12


def read_orientation(exif: bytes) -> int:
    """Read the orientation, 1 (upright) to 8; 1 where the tag is absent or makes no sense.

    Reference: CIPA DC-008 (EXIF 2.32), sections 4.6.2 and 4.6.4.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"
    directory = int.from_bytes(tiff[4:8], order)
    num_entries = int.from_bytes(tiff[directory : directory + 2], order)
    for k in range(min(num_entries, len(tiff) // _ENTRY_BYTES)):
        entry = tiff[directory + 2 + k * _ENTRY_BYTES :][:_ENTRY_BYTES]
        if int.from_bytes(entry[:2], order) == _ORIENTATION_TAG:
            value = int.from_bytes(entry[8:10], order)
            return value if 1 <= value <= 8 else 1
    return 1


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn and mirror rows of pixels so that the image stands as it should be seen."""
    match orientation:
        case 2:
            return pixels[:, ::-1]
        case 3:
            return pixels[::-1, ::-1]
        case 4:
            return pixels[::-1]
        case 5:
            return pixels.T
        case 6:
            return pixels.T[:, ::-1]
        case 7:
            return pixels.T[::-1, ::-1]
        case 8:
            return pixels.T[::-1]
        case _:
            return pixels
