"""From stored values to grey, by the pipeline of PS3.3, sections C.7.6.3.1.2 and C.11.

Each step is a function of the stored value alone, and there are at most 65,536 of these: so all
steps are taken once for every possible value, and the image is looked up in that table.

    stored -> modality   a table, or slope and intercept
           -> grey       the first that the file has: a VOI table; a window (the first, by its
                         function); else all values that its bits can hold, from black to white
           -> inverted   MONOCHROME1, or a presentation shape INVERSE, which says the same
           -> padding    black
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from radiographs.reading.dicom.pixel_data import PixelFormat
from radiographs.reading.dicom.values import integer, number, text
from radiographs.store.pixels import Pixels, dtype_of

_VALUES_AT_ONCE = 1 << 18
_Values = NDArray[np.float64]


def grey_table(elements: pydicom.Dataset, pixel_format: PixelFormat) -> tuple[Pixels, list[str]]:
    """Return the grey of every stored value, by its bits, and codes of warnings.

    Raises:
        ValueError: The elements make no sense.
    """
    stored = np.arange(2**pixel_format.bits_stored)
    if pixel_format.is_signed:
        stored[len(stored) // 2 :] -= len(stored)
    values = _modality(elements, stored.astype(np.float64))
    grey, remarks = _grey(elements, values, pixel_format)
    photometric = text(elements, "PhotometricInterpretation").upper()
    shape = text(elements, "PresentationLUTShape").upper()
    if photometric == "MONOCHROME1" or shape == "INVERSE":
        grey = 1 - grey
    grey[_padding(elements, stored)] = 0
    depth = 8 if pixel_format.bits_stored <= 8 else 16
    table: Pixels = np.floor(grey * (2**depth - 1) + 0.5).astype(dtype_of(depth))
    return table, remarks


def looked_up(values: NDArray[np.integer[Any]], table: Pixels) -> Pixels:
    """Return the grey of stored values, some rows at a time: numpy makes indices of them."""
    pixels: Pixels = np.empty(values.shape, table.dtype)
    num_rows = max(1, _VALUES_AT_ONCE // values.shape[1])
    for top in range(0, len(values), num_rows):
        some = slice(top, top + num_rows)
        table.take(values[some], mode="clip", out=pixels[some])
    return pixels


def _modality(elements: pydicom.Dataset, stored: _Values) -> _Values:
    tables = elements.get("ModalityLUTSequence")
    if tables:
        return _looked_up(tables[0], stored)
    slope, intercept = number(elements, "RescaleSlope"), number(elements, "RescaleIntercept")
    values = stored * (1.0 if slope is None else slope) + (intercept or 0.0)
    if not np.isfinite(values).all() or slope == 0:
        raise ValueError("its rescale slope and intercept are no numbers to rescale by")
    return values


def _grey(
    elements: pydicom.Dataset, values: _Values, pixel_format: PixelFormat
) -> tuple[_Values, list[str]]:
    """Return grey from 0 to 1."""
    tables = elements.get("VOILUTSequence")
    if tables:
        mapped = _looked_up(tables[0], values)
        # the bits that it uses: what it declares is often more, and would darken the image
        return mapped / (2 ** int(mapped.max()).bit_length() - 1), []
    centre, width = number(elements, "WindowCenter"), number(elements, "WindowWidth")
    function = text(elements, "VOILUTFunction").upper()
    if centre is not None and width is not None and _makes_sense(centre, width, function):
        return _windowed(values, centre, width, function), []
    low, high = values.min(), values.max()
    remarks = ["window_missing"] if pixel_format.bits_stored > 8 else []
    return (values - low) / max(high - low, 1e-12), remarks


def _makes_sense(centre: float, width: float, function: str) -> bool:
    least = 0.0 if function in {"SIGMOID", "LINEAR_EXACT"} else 1.0
    return np.isfinite(centre) and np.isfinite(width) and width >= least and width > 0


def _windowed(values: _Values, centre: float, width: float, function: str) -> _Values:
    """Apply a window (PS3.3, sections C.11.2.1.2.1 and C.11.2.1.3)."""
    if function == "SIGMOID":
        exponent = np.clip(-4 * (values - centre) / width, -700, 700)
        return 1 / (1 + np.exp(exponent))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _looked_up(item: pydicom.Dataset, values: _Values) -> _Values:
    """Look values up in a table (PS3.3, section C.11.1.1); beyond its ends they take its ends."""
    num_entries, first, _ = (int(each) for each in item["LUTDescriptor"].value)
    num_entries = num_entries or 65536
    entries = _entries(item["LUTData"].value)[:num_entries]
    if len(entries) < num_entries or entries.max() == 0:
        raise ValueError("a table has fewer entries than it declares")
    if first > 32767 and values.min() < 0:  # signed, and read as unsigned
        first -= 65536
    places = np.clip(np.floor(values + 0.5) - first, 0, num_entries - 1).astype(np.intp)
    mapped: _Values = entries[places].astype(np.float64)
    return mapped


def _entries(data: Any) -> NDArray[np.uint16]:
    if isinstance(data, bytes):
        return np.frombuffer(data, "<u2", len(data) // 2)
    return np.atleast_1d(np.asarray(data)).astype(np.int64).astype(np.uint16)


def _padding(elements: pydicom.Dataset, stored: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which stored values stand for no pixel (PS3.3, section C.7.5.1.1.2)."""
    if number(elements, "PixelPaddingValue") is None:
        return np.zeros(len(stored), np.bool_)
    ends = [integer(elements, "PixelPaddingValue")]
    ends.append(integer(elements, "PixelPaddingRangeLimit", default=ends[0]))
    if stored.min() < 0:  # signed, and may have been read as unsigned
        ends = [end - 65536 if end > 32767 else end for end in ends]
    return (stored >= min(ends)) & (stored <= max(ends))
