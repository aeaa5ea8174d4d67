"""PNG, JPEG, WEBP and BMP, by Pillow.

Its readers are called directly: `Image.open` would try every format it knows, and warns where we
refuse.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile

from radiographs.errors import UnreadableImage
from radiographs.reading.colour import grey_of
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.opened_image import OpenedImage, check_size
from radiographs.store.pixels import Pixels

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


def open_by_pillow(
    data: bytes, reader: Callable[[io.BytesIO], ImageFile], name: str
) -> OpenedImage:
    """Open an image by one of Pillow's readers.

    Args:
        data: The file, or its first bytes.
        reader: Of its format.
        name: Of the format, for people.

    Raises:
        UnreadableImage: The header cannot be read, or is one that we refuse.
    """
    try:
        image = reader(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # whatever a reader raises for a file is that file's fault
        reason = f"Its {name} header cannot be read; copy it again."
        raise UnreadableImage("corrupt", reason) from error
    check_size(*image.size)
    if getattr(image, "n_frames", 1) > 1:
        reason = f"It is an animated {name}, not a single image."
        raise UnreadableImage("unsupported_format", reason)
    depth = 16 if image.mode.startswith("I") else 8
    return OpenedImage(ImageHeader(*image.size, depth, format=name), lambda: _decode(image))


def _decode(image: ImageFile) -> Pixels:
    with image:
        image.load()
        return _upright_pixels(grey_of(image), image)


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
