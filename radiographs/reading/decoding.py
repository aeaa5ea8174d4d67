"""From a file's bytes to grey pixels: the content decides the format, never the name."""

from __future__ import annotations

import numpy as np
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from radiographs.errors import UnreadableImage
from radiographs.reading import jpeg, tiff
from radiographs.reading.dicom import content as dicom_content
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.opened_image import OpenedImage
from radiographs.reading.pillow_image import open_by_pillow
from radiographs.reading.png import SIGNATURE, check_png
from radiographs.store.pixels import Pixels

_REFUSED_FORMATS = {
    b"GIF8": "GIF",
    b"\0\0\0\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"%PDF": "PDF",
}


def read_header(data: bytes) -> ImageHeader:
    """Read size, depth and so on from an image's first bytes.

    Raises:
        UnreadableImage: No supported format, or a kind of image that we refuse.
    """
    return open_image(data).header


def decode(data: bytes) -> Pixels:
    """Decode an image to grey pixels, upright, black where it was transparent.

    Returns:
        Rows of uint8, or of uint16 for images of more than 8 bits.

    Raises:
        UnreadableImage: With the reason.
    """
    return pixels_of(open_image(data))


def pixels_of(image: OpenedImage) -> Pixels:
    """Decode an opened image, see `decode`."""
    try:
        pixels = image.decode()
    except (MemoryError, UnreadableImage):
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


def open_image(data: bytes) -> OpenedImage:
    """Open an image of an accepted format and size; its pixels are not read yet.

    Raises:
        UnreadableImage: No supported format, or a kind of image that we refuse.
    """
    if data.startswith(SIGNATURE):
        check_png(data)
        return open_by_pillow(data, PngImageFile, "PNG")
    if data.startswith(b"\xff\xd8\xff"):
        return _open_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return open_by_pillow(data, WebPImageFile, "WEBP")
    if dicom_content.is_dicom(data):  # before TIFF, as which its preamble may pose
        from radiographs.reading.dicom.file import open_dicom  # pydicom, where it is needed

        return open_dicom(data)
    if data.startswith(tiff.SIGNATURES):
        return tiff.open_tiff(data)
    if data.startswith(b"BM"):
        return open_by_pillow(data, BmpImageFile, "BMP")
    raise _refused(data)


def _open_jpeg(data: bytes) -> OpenedImage:
    jpeg.check_scans(data)
    frame = jpeg.read_frame(data)
    if frame is not None and frame.is_unusual:
        return jpeg.open_unusual(data, frame)
    return open_by_pillow(data, JpegImageFile, "JPEG")


def _refused(data: bytes) -> UnreadableImage:
    if not data:
        return UnreadableImage("truncated", "The file is empty; copy it again.")
    found = next((name for magic, name in _REFUSED_FORMATS.items() if data.startswith(magic)), None)
    if data[4:8] == b"ftyp":
        found = "AVIF or HEIC"
    return UnreadableImage(
        "unsupported_format",
        f"Its content is {found or 'no image format we know'}; images are DICOM, PNG, JPEG, TIFF, "
        "BMP or WEBP. Convert it.",
    )
