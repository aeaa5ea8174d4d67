"""What Pillow does not check, or would warn of, in a PNG."""

from __future__ import annotations

import zlib

from radiographs.errors import UnreadableImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY = 0  # PNG colour type
_HEADER_BYTES = 13


def check_png(data: bytes) -> None:
    """Refuse kinds of PNG that Pillow would read wrongly, and damaged pixel data.

    Walks the chunks that are there: of a file's first bytes, it checks only those.

    Raises:
        UnreadableImage: No whole header in front; animation; 16-bit colour, of which Pillow keeps
            8; a wrong checksum.

    Reference: PNG specification, third edition, sections 5.3 and 11.2.
    """
    at = len(SIGNATURE)
    _check_header(data, at)
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        end = at + 8 + length
        if kind == b"acTL":
            raise UnreadableImage("unsupported_format", "It is an animated PNG, not one image.")
        if kind == b"IHDR" and at != len(SIGNATURE):
            raise UnreadableImage("corrupt", "It has a second PNG header; copy it again.")
        if kind == b"IDAT" and end + 4 <= len(data):
            checksum = zlib.crc32(memoryview(data)[at + 4 : end])
            if checksum != int.from_bytes(data[end : end + 4], "big"):
                raise UnreadableImage(
                    "corrupt", "Its pixel data fail their checksum; copy it again."
                )
        at = end + 4


def _check_header(data: bytes, at: int) -> None:
    header = data[at + 8 : at + 8 + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES:
        raise UnreadableImage("truncated", "The file ends before its header does; copy it again.")
    if data[at : at + 8] != _HEADER_BYTES.to_bytes(4, "big") + b"IHDR":
        raise UnreadableImage("corrupt", "It does not begin with a PNG header; copy it again.")
    depth, colour, compression = header[8:11]
    if compression != 0:
        raise UnreadableImage("corrupt", "Its compression is none that PNG has; copy it again.")
    if depth == 16 and colour != _GREY:
        raise UnreadableImage(
            "unsupported_mode",
            "It is a 16-bit PNG in colour or with alpha; save it as 16-bit grey or as 8-bit.",
        )
