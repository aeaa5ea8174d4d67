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
from pydicom.tag import Tag
from pydicom.uid import UID

from radiographs.errors import UnreadableImage
from radiographs.reading import jpeg
from radiographs.reading.dicom.values import integer, text

# OverlayBitPosition: which bit of each stored value is an overlay's (PS3.3, C.9.2; retired)
OVERLAY_BITS = [Tag(group, 0x0102) for group in range(0x6000, 0x6020, 2)]
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
        overlay_bits: Mask of the bits that are overlays.
    """

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    shift: int
    is_signed: bool
    overlay_bits: int = 0

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
            overlay_bits=_overlay_bits(elements, allocated),
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
    return _without_other_bits(values, shift, pixel_format)


def _without_other_bits(
    values: StoredValues, shift: int, pixel_format: PixelFormat
) -> StoredValues:
    """Drop bits that are not part of a value: overlays, copies of the sign, constant ones.

    Raises:
        UnreadableImage: unsupported_mode, where other bits than are declared hold values.
    """
    highest = 2**pixel_format.bits_stored - 1
    shown = values >> shift if shift else values
    if not shift and shown.max() <= highest:
        return shown
    others = values & values.dtype.type(
        (2 ** (8 * values.dtype.itemsize) - 1) & ~(highest << shift) & ~pixel_format.overlay_bits
    )
    if others.min() != others.max() and not (
        pixel_format.is_signed and _are_signs(shown, pixel_format.bits_stored)
    ):
        reason = (
            f"Its values need other bits than its header says (BitsStored "
            f"{pixel_format.bits_stored}), so that black and white are not known. Correct "
            "BitsStored and HighBit, or export it again."
        )
        raise UnreadableImage("unsupported_mode", reason)
    return shown & shown.dtype.type(highest)


def _are_signs(values: StoredValues, bits_stored: int) -> bool:
    """Say whether the bits above a value repeat its sign."""
    signed = values.view(f"i{values.dtype.itemsize}") >> (bits_stored - 1)
    return bool(((signed == 0) | (signed == -1)).all())


def _overlay_bits(elements: pydicom.Dataset, allocated: int) -> int:
    """Return the mask of the bits that overlays lie in; bit 0 means that they lie elsewhere."""
    overlays = filter(None, map(elements.get, OVERLAY_BITS))
    bits = {int(each.value) for each in overlays if each.value not in {None, ""}}
    return sum(1 << bit for bit in bits if 0 < bit < allocated)


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
