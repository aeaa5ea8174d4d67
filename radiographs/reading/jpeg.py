"""What Pillow does not say of a JPEG: its coding process, and how much work it asks for."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radiographs.errors import UnreadableImage
from radiographs.reading.colour import grey_of
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.opened_image import OpenedImage, check_size
from radiographs.store.pixels import Pixels, to_depth

# A progressive JPEG needs some ten scans. Each goes through all coefficients again, and can be
# a few bytes long: a megabyte of them would take minutes to decode.
MAX_SCANS = 100
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_PROCESSES = {  # by start-of-frame marker: ITU-T T.81, table B.1, and T.87 for the last
    0xC0: "baseline",
    0xC1: "extended sequential",
    0xC2: "progressive",
    0xC3: "lossless",
    0xC5: "differential sequential",
    0xC6: "differential progressive",
    0xC7: "differential lossless",
    0xC9: "arithmetic sequential",
    0xCA: "arithmetic progressive",
    0xCB: "arithmetic lossless",
    0xCD: "arithmetic differential sequential",
    0xCE: "arithmetic differential progressive",
    0xCF: "arithmetic differential lossless",
    0xF7: "LS",
}
_BY_PILLOW = {"baseline", "extended sequential", "progressive"} | {
    *("arithmetic sequential", "arithmetic progressive")
}
# Any marker but stuffed bytes, fill bytes and restarts, which lie within a scan.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])")


def check_scans(data: bytes) -> None:
    """Refuse a JPEG of very many scans.

    Raises:
        UnreadableImage: too_costly.

    Reference: ITU-T T.81, annex B; libjpeg-turbo, "Two issues with the JPEG standard" (2013).
    """
    num_scans, at = 0, 0
    while found := _MARKER.search(data, at):
        marker = found.group(1)[0]
        if marker == _END_OF_IMAGE:
            return
        num_scans += marker == _START_OF_SCAN
        if num_scans > MAX_SCANS:
            raise UnreadableImage(
                "too_costly",
                f"It is a JPEG of more than {MAX_SCANS} scans. Save it as an ordinary JPEG.",
            )
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")


class JpegFrame(NamedTuple):
    """How a JPEG is coded.

    Args:
        process: Name of its coding process.
        precision: Bits of a sample.
        height: Rows.
        width: Columns.
        num_components: 1 for grey, 3 for colour.
        makes_sense: Whether its header is as long as it has to be, and its precision is one that
            the process has.
    """

    process: str
    precision: int
    height: int
    width: int
    num_components: int
    makes_sense: bool

    @property
    def is_unusual(self) -> bool:
        """Whether Pillow cannot decode it."""
        return self.process not in _BY_PILLOW or self.precision != 8

    @property
    def name(self) -> str:
        """The process, for people."""
        bits = f" with {self.precision} bits" if self.precision <= 16 else ""
        return f"JPEG of the process {self.process}{bits}"


def read_frame(data: bytes) -> JpegFrame | None:
    """Find the first start-of-frame header; None where there is none."""
    at = 0
    while found := _MARKER.search(data, at):
        marker, start = found.group(1)[0], found.end()
        if marker in _PROCESSES:
            header = data[start : start + 8]
            return _frame(_PROCESSES[marker], header) if len(header) == 8 else None
        if marker in (_START_OF_SCAN, _END_OF_IMAGE):
            return None
        at = start + int.from_bytes(data[start : start + 2], "big")
    return None


def _frame(process: str, header: bytes) -> JpegFrame:
    length, height, width = (int.from_bytes(header[k : k + 2], "big") for k in (0, 3, 5))
    precision, num_components = header[2], header[7]
    has_length = length == 8 + 3 * num_components
    makes_sense = has_length and 2 <= precision <= (8 if process == "baseline" else 16)
    return JpegFrame(process, precision, height, width, num_components, makes_sense)


def open_unusual(data: bytes, frame: JpegFrame) -> OpenedImage:
    """Open a lossless, 12-bit, LS or other JPEG, as they lie in DICOM files.

    Raises:
        UnreadableImage: Of too many pixels or too few, or not to be decoded.
    """
    if not frame.makes_sense:
        raise _undecodable(frame)
    check_size(frame.width, frame.height)
    depth = 16 if frame.precision > 8 else 8
    return OpenedImage(
        ImageHeader(frame.width, frame.height, depth, format="JPEG"),
        lambda: _decode_unusual(data, frame),
    )


def _decode_unusual(data: bytes, frame: JpegFrame) -> Pixels:
    """Decode to grey; the precision that the file states is its range."""
    try:
        samples = decode_samples(data, frame)
    except MemoryError:
        raise
    except Exception as error:
        raise _undecodable(frame) from error
    if samples.ndim == 2:
        depth = 16 if frame.precision > 8 else 8
        return to_depth(samples.astype(np.float32), frame.precision, depth)
    if frame.precision != 8 or samples.shape[2] != 3:
        reason = f"It is a {frame.name} in colour. Save it as grey PNG."
        raise UnreadableImage("unsupported_mode", reason)
    return grey_of(Image.fromarray(samples))


def _undecodable(frame: JpegFrame) -> UnreadableImage:
    reason = f"It is a {frame.name}, which cannot be decoded. Save it as PNG."
    return UnreadableImage("unsupported_format", reason)


def decode_samples(data: bytes, frame: JpegFrame) -> NDArray[np.uint8 | np.uint16]:
    """Decode a JPEG of any process to its samples, (rows, columns) or (rows, columns, colours)."""
    import imagecodecs

    decoder = imagecodecs.jpegls_decode if frame.process == "LS" else imagecodecs.jpeg8_decode
    samples: NDArray[np.uint8 | np.uint16] = decoder(data)
    if samples.shape[:2] != (frame.height, frame.width):
        raise ValueError("it has other sides than its header says")
    return samples
