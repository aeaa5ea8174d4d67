"""From a file's bytes to grey pixels.

The content decides the format, never the name. Pillow's three readers are called directly:
`Image.open` would try every format it knows, and warns where we refuse.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from radiographs.errors import UnreadableImage
from radiographs.reading.png import SIGNATURE, check_png
from radiographs.store.pixels import Pixels

MAX_PIXELS = 100_000_000
MIN_SIDE = 32

_REFUSED_FORMATS = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\0\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"%PDF": "PDF",
}
_UPRIGHT: dict[
    int | None, Image.Transpose
] = {  # by EXIF orientation: CIPA DC-008 (EXIF 2.32), section 4.6.4
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's readers raise on bytes that are not what they should be.
_READ_ERRORS = (OSError, SyntaxError, ValueError, IndexError, EOFError, OverflowError, struct.error)


class ImageHeader(NamedTuple):
    """What an image says of itself before its pixels are read.

    Args:
        width: Columns, as stored: the EXIF orientation may still turn them.
        height: Rows, as stored.
        bit_depth: 8 or 16.
    """

    width: int
    height: int
    bit_depth: int


def read_header(data: bytes) -> ImageHeader:
    """Read size and depth from an image's first bytes.

    Raises:
        UnreadableImage: No supported format, or a size or mode that we refuse.
    """
    with _open(data) as image:
        return ImageHeader(*image.size, 16 if image.mode.startswith("I") else 8)


def decode(data: bytes) -> Pixels:
    """Decode an image to grey pixels, upright, black where it was transparent.

    Colour becomes luminance (ITU-R 601, rounded), which leaves grey as it is.

    Returns:
        Rows of uint8, or of uint16 for 16-bit files.

    Raises:
        UnreadableImage: With the reason.
    """
    with _open(data) as image:
        try:
            image.load()
        except _READ_ERRORS as error:
            if "truncated" in str(error).lower():
                reason = "The file ends before its pixels do; copy it again."
                raise UnreadableImage("truncated", reason) from error
            reason = f"Its pixels cannot be decoded ({error}); copy it again."
            raise UnreadableImage("corrupt", reason) from error
        pixels = _grey(upright(image))
    if pixels.min() == pixels.max():
        raise UnreadableImage("blank", f"Every pixel has the value {pixels.flat[0]}.")
    return np.ascontiguousarray(pixels)


def upright(image: Image.Image) -> Image.Image:
    """Turn and mirror an image as its EXIF orientation says; leave it where that makes no sense.

    `ImageOps.exif_transpose` would also rewrite the EXIF data, and fail where they are damaged.
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except (*_READ_ERRORS, KeyError, TypeError, Warning):
        return image
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


def _open(data: bytes) -> ImageFile:
    """Open an image of an accepted format and size; its pixels are not read yet."""
    reader, name = _reader(data)
    if name == "PNG":
        check_png(data)
    try:
        image = reader(io.BytesIO(data))
    except _READ_ERRORS as error:
        reason = f"Its {name} header cannot be read ({error}); copy it again."
        raise UnreadableImage("corrupt", reason) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        reason = f"It has {width}x{height} pixels; {MAX_PIXELS:,} in all are allowed. Reduce it."
        raise UnreadableImage("too_large", reason)
    if min(width, height) < MIN_SIDE:
        reason = f"It has {width}x{height} pixels; each side needs {MIN_SIDE}."
        raise UnreadableImage("too_small", reason)
    if getattr(image, "n_frames", 1) > 1:
        raise UnreadableImage(
            "unsupported_format", f"It is an animated {name}, not a single image."
        )
    return image


def _reader(data: bytes) -> tuple[Callable[[io.BytesIO], ImageFile], str]:
    if data.startswith(SIGNATURE):
        return PngImageFile, "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImageFile, "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImageFile, "WEBP"
    if not data:
        raise UnreadableImage("truncated", "The file is empty; copy it again.")
    found = next((name for magic, name in _REFUSED_FORMATS.items() if data.startswith(magic)), None)
    if data[128:132] == b"DICM":
        found = "DICOM"
    if data[4:8] == b"ftyp":
        found = "AVIF or HEIC"
    raise UnreadableImage(
        "unsupported_format",
        f"Its content is {found or 'no image format we know'}; images are PNG, JPEG or WEBP. "
        "Convert it.",
    )


def _grey(image: Image.Image) -> Pixels:
    if image.mode == "I;16":
        pixels = np.asarray(image, dtype=np.uint16)
        transparent = image.info.get("transparency")
        return pixels if transparent is None else np.where(pixels == transparent, 0, pixels)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        grey = np.asarray(rgba.convert("RGB").convert("L"), dtype=np.uint16)
        alpha = np.asarray(rgba.getchannel("A"), dtype=np.uint16)
        return ((grey * alpha + 127) // 255).astype(np.uint8)  # over black
    if image.mode in {"P", "CMYK"}:
        image = image.convert("RGB")
    return np.asarray(image.convert("L"))
