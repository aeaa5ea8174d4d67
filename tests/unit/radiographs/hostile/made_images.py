"""Image files that no camera writes, made from seeds; each with what must become of it.

What becomes of a file is the code it is left out by, or `read`.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from radiographs.phantom import draw
from radiographs.reading.jpeg import MAX_SCANS

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY = draw("normal", seed=31, index=0, size=64).pixels[:32, :32]


class Made(NamedTuple):
    name: str
    data: bytes
    outcome: str


def images() -> list[Made]:
    """Return every made-up file."""
    kinds = (
        cut_png,
        flipped_png,
        headers,
        png_chunks,
        bombs,
        jpegs,
        webps,
        bmps,
        tiffs,
        others,
        noise,
        fine,
    )
    return [
        Made(f"{kind.__name__}-{k:03d}.png", data, outcome)
        for kind in kinds
        for k, (data, outcome) in enumerate(kind())
    ]


Kind = Iterator[tuple[bytes, str]]


def encoded(kind: str = "PNG", pixels: np.ndarray = GREY, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width=32, height=32, depth=8, colour=0, method=0, filters=0, interlace=0) -> bytes:
    fields = (width, height, depth, colour, method, filters, interlace)
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")


def rows(width: int = 32, height: int = 32, channels: int = 1) -> bytes:
    """Pixel data of a gradient."""
    line = bytes(k % 251 for k in range(width * channels))
    return chunk(b"IDAT", zlib.compress((b"\0" + line) * height))


def zeros(num_bytes: int) -> bytes:
    """Compress zeros without holding them."""
    packer = zlib.compressobj(9)
    packed = [packer.compress(bytes(1 << 20)) for _ in range(num_bytes >> 20)]
    return b"".join([*packed, packer.compress(bytes(num_bytes % (1 << 20))), packer.flush()])


def cut_png() -> Kind:
    """An interrupted copy: the file ends after each of its bytes."""
    whole = png(header(), rows())
    end_of_header = len(SIGNATURE) + 8 + 13
    end_of_pixels = len(whole) - 12 - 4 - 4  # then come two checksums and the end chunk
    for length in range(end_of_pixels):
        if 0 < length < len(SIGNATURE):
            yield whole[:length], "unsupported_format"
        elif end_of_header <= length < end_of_header + 4 + 8:  # no checksum, or no chunk after it
            yield whole[:length], "corrupt"
        else:
            yield whole[:length], "truncated"
    yield whole[:end_of_pixels], "read"


def flipped_png() -> Kind:
    """One bit is another, somewhere among the pixels."""
    rng = random.Random(1)
    whole = encoded()
    start, end = whole.index(b"IDAT") + 4, whole.index(b"IEND") - 8
    for _ in range(80):
        data = bytearray(whole)
        data[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
        yield bytes(data), "corrupt"


def headers() -> Kind:
    """Headers that are whole and make no sense, or ask for too much."""
    for broken in (
        header(depth=3),
        header(depth=0),
        header(depth=255),
        header(colour=1),
        header(colour=5),
        header(colour=7),
        header(method=1),
        header(filters=1),
        header()[:-1] + b"\0",
        chunk(b"IHDR", bytes(12)),
        chunk(b"IHDR", bytes(14)),
        chunk(b"JHDR", header()[8:21]),
        chunk(b"gAMA", bytes(4)) + header(),
        header() + header(),
        header() + header()[:12],
    ):
        yield png(broken, rows()), "corrupt"
    for side in ({"width": 0}, {"height": 0}):
        yield png(header(**side), rows()), "corrupt"
    for side in ({"width": 1}, {"height": 31}):
        yield png(header(**side), rows()), "too_small"
    for side in (50_000, 10_001, 2**31 - 1):
        yield png(header(side, side), rows()), "too_large"
    for colour in (2, 4, 6):
        yield png(header(depth=16, colour=colour), rows(channels=8)), "unsupported_mode"


def png_chunks() -> Kind:
    yield png(header(colour=3), rows()), "corrupt"  # a palette that is not there
    yield png(header(colour=3), chunk(b"PLTE", b""), rows()), "blank"
    yield png(header()), "corrupt"
    yield png(header(), chunk(b"IDAT", b"")), "truncated"
    yield png(header(), chunk(b"IDAT", b"no deflate")), "corrupt"
    yield png(header(), chunk(b"IDAT", zlib.compress(b"\0short"))), "truncated"
    yield png(header(), chunk(b"acTL", bytes(8)), rows()), "unsupported_format"
    yield png(header(), chunk(b"fcTL", bytes(5)), rows()), "corrupt"
    yield png(header(), chunk(b"iCCP", b"x\0\0" + zeros(80 << 20)), rows()), "corrupt"
    yield png(header(), chunk(b"zTXt", b"x\0\0" + zeros(80 << 20)), rows()), "corrupt"
    yield png(header(), chunk(b"iTXt", b"x\0\1\0\0\0" + zeros(80 << 20)), rows()), "corrupt"
    yield png(header(), struct.pack(">I", 2**31 - 1) + b"tEXt", rows()), "corrupt"
    yield png(header(), struct.pack(">I", 2**32 - 1) + b"IDAT", rows()), "corrupt"


def bombs() -> Kind:
    """Few bytes of very many pixels."""
    for width, height, colour, channels in (
        (9999, 9999, 0, 1),
        (9999, 9999, 6, 4),
        (9999, 9999, 2, 3),
        (99_000, 1000, 4, 2),
        (1000, 99_000, 0, 1),
    ):
        packed = zeros((width * channels + 1) * height)
        yield png(header(width, height, colour=colour), chunk(b"IDAT", packed)), "too_costly"
    yield png(header(4000, 4000, colour=6), chunk(b"IDAT", zeros(16001 * 4000))), "too_costly"


def jpegs() -> Kind:
    whole = encoded("JPEG")
    progressive = encoded("JPEG", progressive=True)
    scan = progressive.rindex(b"\xff\xda")
    end = progressive.rindex(b"\xff\xd9")
    for num_scans in (MAX_SCANS, 1000, 20_000):
        again = progressive[scan:end] * num_scans
        yield progressive[:end] + again + progressive[end:], "too_costly"
    frame = whole.index(b"\xff\xc0")
    huge = bytearray(whole)
    huge[frame + 5 : frame + 9] = b"\xff" * 4
    yield bytes(huge), "too_large"
    flat = bytearray(whole)
    flat[frame + 5 : frame + 9] = bytes(4)
    yield bytes(flat), "corrupt"
    wide = bytearray(whole)
    wide[frame + 4] = 12  # bits of a sample
    yield bytes(wide), "unsupported_format"
    for process in (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7):
        other = bytearray(whole)
        other[frame + 1] = process
        yield bytes(other), "unsupported_format"
    yield whole[:frame] + whole[whole.index(b"\xff\xda") :], "corrupt"
    yield b"\xff\xd8\xff\xd9", "corrupt"
    yield b"\xff\xd8\xff" + b"\xff" * 5000, "corrupt"
    pixels = whole.index(b"\xff\xda") + 10
    for length in range(4, len(whole) - 2, max(1, len(whole) // 40)):
        yield whole[:length], "corrupt" if length < pixels else "truncated"


def webps() -> Kind:
    whole = encoded("WEBP", lossless=True)
    for length in range(12, len(whole) - 1, max(1, len(whole) // 20)):
        yield whole[:length], "corrupt"
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xfe\x3f\0" * 2
    yield b"RIFF" + struct.pack("<I", 22) + b"WEBP" + canvas, "corrupt"
    yield whole[:4] + b"\xff\xff\xff\xff" + whole[8:], "corrupt"


def bmps() -> Kind:
    whole = encoded("BMP")
    yield whole, "read"
    for length in range(2, len(whole) - 1, max(1, len(whole) // 20)):
        yield whole[:length], "corrupt" if length < 54 else "truncated"
    wide = bytearray(whole)
    wide[18:22] = struct.pack("<I", 200_000)
    yield bytes(wide), "truncated"


def tiff(*entries: tuple[int, int, int], after: int = 0, pixels: bytes = b"") -> bytes:
    """A TIFF whose directory comes first: tag, type and value of each entry."""
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return (
        b"II*\0"
        + struct.pack("<IH", 8, len(entries))
        + directory
        + struct.pack("<I", after)
        + pixels
    )


def tiffs() -> Kind:
    whole = encoded("TIFF")
    deep = encoded("TIFF", GREY * np.uint16(257))
    yield whole, "read"
    yield deep, "read"
    for length in range(8, len(deep) - 1, max(1, len(deep) // 30)):
        yield deep[:length], "corrupt"
    sides = [(256, 4, 32), (257, 4, 32)]
    deep_grey = [(258, 3, 16), (262, 3, 1)]
    yield tiff(*sides), "corrupt"
    yield tiff(*sides, *deep_grey), "corrupt"
    yield tiff(*sides, *deep_grey, (273, 4, 2**31), (279, 4, 2048)), "corrupt"
    yield tiff(*sides, after=8), "corrupt"  # pages without end
    yield tiff(*sides, after=2**31), "corrupt"
    yield tiff((256, 4, 50_000), (257, 4, 50_000), *deep_grey), "too_large"
    yield tiff((256, 4, 31), (257, 4, 32), *deep_grey), "too_small"
    yield tiff((256, 4, 9999), (257, 4, 9999), *deep_grey), "too_costly"
    yield tiff(*sides, (258, 3, 16), (262, 3, 2)), "unsupported_mode"
    yield b"II*\0" + bytes(4), "corrupt"
    yield b"MM\0*" + b"\xff" * 500, "corrupt"
    yield b"II+\0" + bytes(200), "corrupt"
    rng = random.Random(3)
    for _ in range(30):
        yield b"II*\0\x08\0\0\0" + rng.randbytes(300), "corrupt"


def others() -> Kind:
    """Other things under the name of an image."""
    for kind in ("GIF", "JPEG2000", "PDF", "AVIF", "ICO", "PPM"):
        yield encoded(kind), "unsupported_format"
    for data in (
        b"\0\0\0\x18ftypheic" + bytes(500),
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<html><script>alert(1)</script></html>",
        b"#!/bin/sh\nrm -rf /\n",
        b"MZ" + bytes(500),
        b"\x7fELF" + bytes(500),
        b"PK\x03\x04" + bytes(500),
        b"\x1f\x8b\x08" + bytes(500),
        b"%!PS-Adobe-3.0\n",
        b"Dear radiologist,",
        bytes(1000),
        b"\xff" * 1000,
        b"GIF89a" + encoded(),
        b" " + encoded(),
    ):
        yield data, "unsupported_format"
    yield b"", "truncated"


def noise() -> Kind:
    """The start of an image, and no image."""
    rng = random.Random(2)
    for start in (SIGNATURE, b"\xff\xd8\xff\xe0", b"RIFF\xff\0\0\0WEBPVP8 "):
        for _ in range(30):
            yield start + rng.randbytes(rng.randrange(40, 400)), "corrupt"
    for _ in range(20):
        yield SIGNATURE + header() + rng.randbytes(300), "corrupt"


def fine() -> Kind:
    """Odd, and images nevertheless: what follows the end of an image is not looked at."""
    whole = encoded()
    yield whole + b"PK\x03\x04 an archive", "read"
    yield whole + encoded("GIF"), "read"
    yield encoded("JPEG") + b"PK\x05\x06" + bytes(18), "read"
    yield png(header(), chunk(b"tEXt", b"Comment\0%PDF-1.7 <script>"), rows()), "read"
    yield encoded("WEBP"), "read"
    yield encoded(pixels=np.full((64, 64), 7, np.uint8)), "blank"
