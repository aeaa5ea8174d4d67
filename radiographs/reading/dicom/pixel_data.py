"""The stored values of a DICOM image: plain, or coded by RLE or a kind of JPEG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import get_frame
from pydicom.uid import UID

from radiographs.errors import UnreadableImage
from radiographs.reading import jpeg
from radiographs.reading.dicom.values import integer, text

StoredValues = NDArray[np.integer[Any]]
_COLOURS = {"RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}


@dataclass(frozen=True)
class PixelFormat:
    """How values are stored (PS3.5, section 8.1.1).

    Args:
        rows: Of the image.
        columns: Of the image.
        bits_allocated: 8 or 16.
        bits_stored: Up to `bits_allocated`.
        shift: Bits below the lowest that counts.
        is_signed: Whether values are in two's complement.
    """

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    shift: int
    is_signed: bool

    @classmethod
    def of(cls, elements: pydicom.Dataset) -> PixelFormat:
        """Read the format of a grey image.

        Raises:
            UnreadableImage: unsupported_mode: colour, or other numbers of bits.
            ValueError: The elements are not there, or contradict each other.
        """
        photometric = text(elements, "PhotometricInterpretation").upper()
        if integer(elements, "SamplesPerPixel", default=1) != 1 or not photometric.startswith(
            "MONOCHROME"
        ):
            named = photometric if photometric in _COLOURS else "no grey"
            reason = (
                f"Its pixels are {named}; radiographs are MONOCHROME1 or 2. Export it as those."
            )
            raise UnreadableImage("unsupported_mode", reason)
        allocated = integer(elements, "BitsAllocated")
        stored = integer(elements, "BitsStored", default=allocated)
        if allocated not in (8, 16) or not 1 < stored <= allocated:
            reason = (
                f"It stores {stored} bits in {allocated}; 8 to 16 are read. Export it as those."
            )
            raise UnreadableImage("unsupported_mode", reason)
        high_bit = integer(elements, "HighBit", default=stored - 1)
        if not stored - 1 <= high_bit < allocated:
            raise ValueError("the high bit lies outside the value")
        return cls(
            rows=integer(elements, "Rows"),
            columns=integer(elements, "Columns"),
            bits_allocated=allocated,
            bits_stored=stored,
            shift=high_bit + 1 - stored,
            is_signed=integer(elements, "PixelRepresentation", default=0) == 1,
        )


def check_syntax(syntax: UID) -> None:
    """Refuse a transfer syntax that is not read.

    Raises:
        UnreadableImage: unsupported_format.
    """
    if syntax not in _PLAIN and syntax not in _DECODERS:
        known = syntax.is_transfer_syntax and not syntax.is_private
        named = syntax.name if known else "none that the standard has"
        reason = f"Its transfer syntax is {named}, which is not read. Decompress it."
        raise UnreadableImage("unsupported_format", reason)


def stored_values(pixel_data: memoryview, syntax: UID, pixel_format: PixelFormat) -> StoredValues:
    """Return the bits of each stored value as an unsigned number below 2^bits_stored.

    Raises:
        UnreadableImage: Too few bytes, or damaged ones.
    """
    rows, columns = pixel_format.rows, pixel_format.columns
    if syntax in _DECODERS:
        values, shift = _decoded(pixel_data, syntax, pixel_format), 0
        if values.shape != (rows, columns):
            raise ValueError("its pixels are not as many as its header says")
        values = values.view(f"u{values.dtype.itemsize}")
    else:
        dtype = np.dtype(f"u{pixel_format.bits_allocated // 8}")
        dtype = dtype.newbyteorder("<" if syntax.is_little_endian else ">")
        if len(pixel_data) < rows * columns * dtype.itemsize:
            reason = "The file ends before its pixels do; copy it again."
            raise UnreadableImage("truncated", reason)
        values = np.frombuffer(pixel_data, dtype, rows * columns).reshape(rows, columns)
        values, shift = values.astype(dtype.newbyteorder("="), copy=False), pixel_format.shift
    return _without_other_bits(values, shift, pixel_format.bits_stored)


def _without_other_bits(values: StoredValues, shift: int, bits_stored: int) -> StoredValues:
    """Drop bits that are not part of a value: overlays, and copies of the sign."""
    if shift:
        values = values >> shift
    highest = 2**bits_stored - 1
    return values & values.dtype.type(highest) if values.max() > highest else values


def _decoded(pixel_data: memoryview, syntax: UID, pixel_format: PixelFormat) -> StoredValues:
    frame = get_frame(bytes(pixel_data), 0, number_of_frames=1)
    try:
        return _DECODERS[syntax](frame, pixel_format)
    except (MemoryError, UnreadableImage):
        raise
    except Exception as error:
        reason = f"Its pixels, coded as {syntax.name}, cannot be decoded. Export it again."
        raise UnreadableImage("corrupt", reason) from error


def _jpeg(frame: bytes, pixel_format: PixelFormat) -> StoredValues:
    del pixel_format
    jpeg.check_scans(frame)
    header = jpeg.read_frame(frame)
    if header is None:
        raise ValueError("it is no JPEG")
    return jpeg.decode_samples(frame, header)


def _jpeg_2000(frame: bytes, pixel_format: PixelFormat) -> StoredValues:
    del pixel_format
    import imagecodecs

    values: StoredValues = imagecodecs.jpeg2k_decode(frame)
    return values


def _htj2k(frame: bytes, pixel_format: PixelFormat) -> StoredValues:
    del pixel_format
    import imagecodecs

    values: StoredValues = imagecodecs.htj2k_decode(frame)
    return values


def _rle(frame: bytes, pixel_format: PixelFormat) -> StoredValues:
    import imagecodecs

    dtype = np.dtype(f"<u{pixel_format.bits_allocated // 8}")
    values = np.frombuffer(imagecodecs.dicomrle_decode(frame, dtype), dtype)
    return values[: pixel_format.rows * pixel_format.columns].reshape(
        pixel_format.rows, pixel_format.columns
    )


_PLAIN = {
    *(uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian),
    uid.DeflatedExplicitVRLittleEndian,
}
_DECODERS: dict[UID, Callable[[bytes, PixelFormat], StoredValues]] = {
    uid.RLELossless: _rle,
    uid.JPEGBaseline8Bit: _jpeg,
    uid.JPEGExtended12Bit: _jpeg,
    uid.JPEGLossless: _jpeg,
    uid.JPEGLosslessSV1: _jpeg,
    uid.JPEGLSLossless: _jpeg,
    uid.JPEGLSNearLossless: _jpeg,
    uid.JPEG2000Lossless: _jpeg_2000,
    uid.JPEG2000: _jpeg_2000,
    uid.HTJ2KLossless: _htj2k,
    uid.HTJ2KLosslessRPCL: _htj2k,
    uid.HTJ2K: _htj2k,
}
