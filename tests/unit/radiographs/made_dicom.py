"""DICOM files of drawn chests."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from radiographs.phantom import draw

# as the reader sets it, which a test may not have imported yet: values as hospitals write them
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

GREY = draw("normal", seed=1, index=0, size=64).pixels[:48]  # 48 rows, 64 columns
TWELVE_BITS = GREY * np.uint16(16) + np.arange(64, dtype=np.uint16) % 16


def dataset(pixels: np.ndarray = TWELVE_BITS, bits: int = 12, **elements: object) -> Dataset:
    """Return a chest of a patient, whose elements may be others; None leaves one out."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = uid.DigitalXRayImageStorageForPresentation
    made.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    made.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    made.SOPInstanceUID, made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.4", "1.2.5"
    made.Modality, made.BodyPartExamined, made.PatientID = "DX", "CHEST", "4711"
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = 8 * pixels.dtype.itemsize
    made.BitsStored, made.HighBit = bits, bits - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes()
    for keyword, value in elements.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    return made


def encoded(made: Dataset, **options: object) -> bytes:
    """Write a dataset as a file."""
    file = io.BytesIO()
    made["PixelData"].VR = "OW" if made.BitsAllocated > 8 else "OB" if made.PixelData else "OW"
    made.save_as(file, enforce_file_format=True, **options)
    return file.getvalue()


def dicom(pixels: np.ndarray = TWELVE_BITS, bits: int = 12, **elements: object) -> bytes:
    """Return a DICOM file, see `dataset`."""
    return encoded(dataset(pixels, bits, **elements))


def lookup_table(entries: Iterable[int], first: int = 0, bits: int = 16) -> Sequence:
    """Return a sequence of one table."""
    item = Dataset()
    item.LUTDescriptor = [len(list(entries)), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = np.array(list(entries), np.uint16).tobytes()
    item["LUTData"].VR = "OW"
    return Sequence([item])
