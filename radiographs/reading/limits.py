"""What reading one image, and all images of an ingest, may cost."""

from __future__ import annotations

from dataclasses import dataclass

from radiographs.errors import UnreadableImage
from radiographs.reading.image_header import ImageHeader

OUT_OF_MEMORY = "It takes more memory to decode than one image may take. Reduce it."
TOO_SLOW = "It takes more time to decode than one image may take. Save it anew."
_PIXELS_OF_ANY_SIZE = 16_000_000  # up to here a file may be as small as it likes
_MAX_PIXELS_PER_BYTE = 200  # a radiograph takes a byte for 20 pixels or fewer, also as JPEG
_BYTES_PER_PIXEL = 8  # uncompressed, at most: floating point
_BYTES_BESIDE_PIXELS = 16 << 20  # profiles, thumbnails and remarks


@dataclass(frozen=True)
class ReadingLimits:
    """What reading may cost before it is stopped.

    Args:
        memory_bytes: Address space for decoding one image, beyond what an idle process has.
        cpu_seconds: Processor time for one image of no pixels.
        cpu_nanoseconds_per_pixel: Processor time for each of its pixels in addition.
        max_total_pixels: Of all images of an ingest together.
    """

    memory_bytes: int = 1 << 30
    cpu_seconds: float = 2.0
    cpu_nanoseconds_per_pixel: float = 200.0
    max_total_pixels: int = 2_000_000_000_000

    def seconds_for(self, num_pixels: int) -> float:
        """Return the processor time that an image may take."""
        return self.cpu_seconds + 1e-9 * self.cpu_nanoseconds_per_pixel * num_pixels


def check_proportion(header: ImageHeader, num_bytes: int) -> None:
    """Refuse a file that is far too small or far too large for its pixels, before it is decoded.

    Raises:
        UnreadableImage: too_costly.
    """
    num_pixels = header.width * header.height
    if num_pixels > max(_PIXELS_OF_ANY_SIZE, _MAX_PIXELS_PER_BYTE * num_bytes):
        raise UnreadableImage(
            "too_costly",
            f"It is a decompression bomb: {num_bytes:,} bytes would become {num_pixels:,} pixels.",
        )
    if num_bytes > _BYTES_BESIDE_PIXELS + _BYTES_PER_PIXEL * num_pixels:
        raise UnreadableImage(
            "too_costly",
            f"Its {num_bytes:,} bytes are far more than {header.width}x{header.height} pixels "
            "need. Save it anew.",
        )
