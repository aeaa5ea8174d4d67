"""From a file's bytes to grey pixels.

The content decides the format, never the name. Pillow's three readers are called directly:
`Image.open` would try every format it knows, and warns where we refuse.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from radiographs.errors import UnreadableImage
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.jpeg import check_scans
from radiographs.reading.png import SIGNATURE, check_png
from radiographs.store.pixels import Pixels

MAX_PIXELS = 100_000_000
MIN_SIDE = 32
_PIXELS_AT_ONCE = 4_000_000  # of colour: several copies of these are needed to make them grey

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


def read_header(data: bytes) -> ImageHeader:
    """Read size and depth from an image's first bytes.

    Raises:
        UnreadableImage: No supported format, or a size or mode that we refuse.
    """
    with open_image(data) as image:
        return header_of(image)


def header_of(image: Image.Image) -> ImageHeader:
    """Return size and depth of an opened image."""
    return ImageHeader(*image.size, 16 if image.mode.startswith("I") else 8)


def decode(data: bytes) -> Pixels:
    """Decode an image to grey pixels, upright, black where it was transparent.

    Colour becomes luminance (ITU-R 601, rounded), which leaves grey as it is.

    Returns:
        Rows of uint8, or of uint16 for 16-bit files.

    Raises:
        UnreadableImage: With the reason.
    """
    with open_image(data) as image:
        return pixels_of(image)


def pixels_of(image: ImageFile) -> Pixels:
    """Decode an opened image, see `decode`."""
    try:
        image.load()
        pixels = _upright_pixels(_grey(image), image)
    except MemoryError:
        raise
    except Exception as error:  # whatever a reader raises for a file is that file's fault
        if "truncated" in str(error).lower():
            reason = "The file ends before its pixels do; copy it again."
            raise UnreadableImage("truncated", reason) from error
        reason = "Its pixels cannot be decoded; copy it again."
        raise UnreadableImage("corrupt", reason) from error
    if pixels.min() == pixels.max():
        raise UnreadableImage("blank", f"Every pixel has the value {pixels.flat[0]}.")
    return np.ascontiguousarray(pixels)


def upright(image: Image.Image) -> Image.Image:
    """Turn and mirror an image as its EXIF orientation says; leave it where that makes no sense.

    `ImageOps.exif_transpose` would also rewrite the EXIF data, and fail where they are damaged.
    """
    method = _method(image)
    return image if method is None else image.transpose(method)


def _upright_pixels(pixels: Pixels, image: Image.Image) -> Pixels:
    """Turn the grey pixels of an image; they are fewer bytes than the image."""
    method = _method(image)
    return pixels if method is None else np.asarray(Image.fromarray(pixels).transpose(method))


def _method(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation))
    except MemoryError:
        raise
    except Exception:  # damaged EXIF data say nothing
        return None


def open_image(data: bytes) -> ImageFile:
    """Open an image of an accepted format and size; its pixels are not read yet.

    Raises:
        UnreadableImage: No supported format, or a size or mode that we refuse.
    """
    reader, name = _reader(data)
    if name == "PNG":
        check_png(data)
    if name == "JPEG":
        check_scans(data)
    try:
        image = reader(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # whatever a reader raises for a file is that file's fault
        reason = f"Its {name} header cannot be read; copy it again."
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
    if image.mode == "L" and not image.has_transparency_data:
        return np.asarray(image)
    rows = max(1, _PIXELS_AT_ONCE // image.width)
    if rows >= image.height:
        return _grey_of_colour(image)
    pixels = np.empty((image.height, image.width), np.uint8)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        pixels[top : top + rows] = _grey_of_colour(strip)
    return pixels


def _grey_of_colour(image: Image.Image) -> NDArray[np.uint8]:
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        grey = np.asarray(rgba.convert("RGB").convert("L"), dtype=np.uint16)
        alpha = np.asarray(rgba.getchannel("A"), dtype=np.uint16)
        return ((grey * alpha + 127) // 255).astype(np.uint8)  # over black
    if image.mode in {"P", "CMYK"}:
        image = image.convert("RGB")
    return np.asarray(image.convert("L"))
