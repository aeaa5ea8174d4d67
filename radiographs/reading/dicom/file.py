"""A DICOM file: only the elements that are needed are read, whatever else it holds."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import pydicom
from pydicom.tag import Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from radiographs.errors import UnreadableImage
from radiographs.reading.dicom import subject
from radiographs.reading.dicom.grey import grey_table, looked_up
from radiographs.reading.dicom.patient import known_patient
from radiographs.reading.dicom.pixel_data import (
    OVERLAY_BITS,
    PixelFormat,
    check_syntax,
    stored_values,
)
from radiographs.reading.dicom.values import text
from radiographs.reading.image_header import DicomFacts, ImageHeader
from radiographs.reading.opened_image import OpenedImage, check_size
from radiographs.store.pixels import Pixels

# The elements that are read; PS3.6 has their meanings.
_OF_PIXELS = [
    *("SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleIntercept", "RescaleSlope"),
    *("ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    "PresentationLUTShape",
]
_IDENTIFIERS = ["SOPInstanceUID", "StudyInstanceUID"]
_KEYWORDS = ["SpecificCharacterSet", *_IDENTIFIERS, *subject.KEYWORDS, *_OF_PIXELS]
_ELEMENTS = [*map(Tag, _KEYWORDS), *OVERLAY_BITS]
_UNDEFINED_LENGTH = 0xFFFFFFFF
_PIXEL_DATA = {b"\xe0\x7f\x10\x00": True, b"\x7f\xe0\x00\x10": False}  # little endian?

pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


@dataclass(frozen=True)
class DicomFile:
    """The elements of a file that are needed, and where its pixels lie.

    Args:
        elements: Those of `_ELEMENTS`.
        syntax: How its pixels are coded.
        pixel_data: The value of the element PixelData.
    """

    elements: pydicom.Dataset
    syntax: UID
    pixel_data: memoryview


def open_dicom(data: bytes) -> OpenedImage:
    """Open a DICOM file that holds one radiograph of a chest.

    Args:
        data: The file, or its first bytes: its pixels need not be among them.

    Raises:
        UnreadableImage: Damaged; of another modality or body part; several frames; colour;
            without pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that are not as the standard has them
        try:
            return _opened(_read(data))
        except (MemoryError, UnreadableImage):
            raise
        except Exception as error:  # whatever a reader raises for a file is that file's fault
            reason = "Its DICOM header cannot be read; export it again."
            raise UnreadableImage("corrupt", reason) from error


def _opened(file: DicomFile) -> OpenedImage:
    elements = file.elements
    subject.check_single_frame(elements)
    check_syntax(file.syntax)
    pixel_format = PixelFormat.of(elements)
    check_size(pixel_format.columns, pixel_format.rows)
    table, remarks = grey_table(elements, pixel_format)
    facts = DicomFacts(
        patient_id=known_patient(text(elements, "PatientID")),
        acquisition=subject.acquisition(elements),
        has_burned_in_text=text(elements, "BurnedInAnnotation").upper() == "YES",
        remarks=(*subject.remarks(elements), *remarks),
        instance_uid=text(elements, "SOPInstanceUID"),
        study_uid=text(elements, "StudyInstanceUID"),
    )
    depth = 8 * table.dtype.itemsize
    header = ImageHeader(pixel_format.columns, pixel_format.rows, depth, facts, "DICOM")

    def decode() -> Pixels:
        values = stored_values(file.pixel_data, file.syntax, pixel_format)
        return looked_up(values, table)

    return OpenedImage(header, decode)


def _read(data: bytes) -> DicomFile:
    stream = io.BytesIO(data)
    elements = pydicom.dcmread(
        stream, force=True, stop_before_pixels=True, specific_tags=list(_ELEMENTS)
    )
    syntax = _transfer_syntax(elements)
    if syntax == DeflatedExplicitVRLittleEndian:
        stream.seek(0)
        tags = [*_ELEMENTS, Tag("PixelData")]
        elements = pydicom.dcmread(stream, force=True, specific_tags=tags)
        pixel_data = memoryview(elements.get("PixelData", b""))
    else:
        pixel_data = _pixel_data(data, stream.tell(), elements)
    subject.check_chest(elements)  # first: what a file shows says more than that it has no pixels
    if not pixel_data:
        raise _without_pixels(data, stream.tell())
    return DicomFile(elements, syntax, pixel_data)


def _transfer_syntax(elements: pydicom.Dataset) -> UID:
    meta = getattr(elements, "file_meta", None) or {}
    found = meta.get("TransferSyntaxUID")
    if found:
        return UID(str(found))
    implicit, little = elements.original_encoding
    if not little:
        return pydicom.uid.ExplicitVRBigEndian
    return pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian


def _pixel_data(data: bytes, at: int, elements: pydicom.Dataset) -> memoryview:
    """Return the value of PixelData, whose element begins at a byte; empty where it does not."""
    little = _PIXEL_DATA.get(data[at : at + 4])
    if little is None:
        return memoryview(b"")
    implicit = elements.original_encoding[0]
    start = at + (8 if implicit else 12)
    length = int.from_bytes(data[start - 4 : start], "little" if little else "big")
    if length == _UNDEFINED_LENGTH:
        return memoryview(data)[start:]
    return memoryview(data)[start : start + length]


def _without_pixels(data: bytes, end: int) -> UnreadableImage:
    if end >= len(data):
        reason = "It is a DICOM file that ends before its pixels, or holds none. Export it again."
        return UnreadableImage("no_pixels", reason)
    return UnreadableImage("no_pixels", "It is a DICOM file that holds no pixels of an image.")
