"""Films as DICOM: Secondary Capture images that say in every way that they are synthetic.

One fictitious patient, study and series per film; identifiers follow from the set and the film's
number alone. Nothing is simulated that a scanner would say.

Reference: DICOM PS3.3 2025, A.8.1 (Secondary Capture Image IOD), C.12.1.1.5 and CID 7005
(contributing equipment); PS3.5, B.2 (UIDs from a UUID).
"""

from __future__ import annotations

import io
import uuid

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from release.package.archive import Archive
from release.package.manifest import Description, PackagedFilm

MANUFACTURER = "SynthCXR"
NOT_FOR_DIAGNOSIS = "SYNTHETIC - NOT FOR DIAGNOSIS"
_LO_BYTES = 64  # longest value of a long string (LO), PS3.5 table 6.2-1


class DicomFormat:
    """Writes one file per film, those of no class too, which say what they are.

    Args:
        archive: The package.
        description: Of the set, whose id, model and version stand in every file.
    """

    def __init__(self, archive: Archive, description: Description) -> None:
        self._archive = archive
        self._description = description

    def add(self, film: PackagedFilm, pixels: NDArray[np.uint8], png: bytes) -> None:  # noqa: ARG002 - as every format
        """Take a film."""
        folder = film.origin.folder.removeprefix("images/")
        data = dicom(film, pixels, self._description)
        self._archive.write(f"dicom/{folder}/{film.index:06}.dcm", data)

    def close(self) -> None:
        """Do nothing: every film is written."""


def dicom(film: PackagedFilm, pixels: NDArray[np.uint8], description: Description) -> bytes:
    """Encode a film, (h, w), as a Secondary Capture image."""
    name = f"{description['synthetic_set_id']}-{film.index:06}"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(name, "image")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("synthcxr", "implementation")
    meta.ImplementationVersionName = "SYNTHCXR"
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    _add_identity(image, name)
    _add_series(image, name, film)
    _add_origin(image, description)
    _add_pixels(image, pixels)
    buffer = io.BytesIO()
    dcmwrite(buffer, image, enforce_file_format=True)
    return buffer.getvalue()


def _add_identity(image: Dataset, name: str) -> None:
    """Make up a patient, and say so."""
    image.SpecificCharacterSet = "ISO_IR 192"  # UTF-8
    image.PatientName = f"SYNTHETIC^{name}"
    image.PatientID = f"SYN-{name}"
    image.PatientBirthDate = ""
    image.PatientSex = ""
    image.PatientIdentityRemoved = "YES"
    image.DeidentificationMethod = "Synthetic image of no patient"


def _add_series(image: Dataset, name: str, film: PackagedFilm) -> None:
    image.SOPClassUID = SecondaryCaptureImageStorage
    image.SOPInstanceUID = _uid(name, "image")
    image.StudyInstanceUID = _uid(name, "study")
    image.SeriesInstanceUID = _uid(name, "series")
    image.StudyDate = ""
    image.StudyTime = ""
    image.AccessionNumber = ""
    image.ReferringPhysicianName = ""
    image.StudyID = "1"
    image.SeriesNumber = 1
    image.InstanceNumber = 1
    image.PatientOrientation = ""
    image.Modality = "OT"
    image.BodyPartExamined = "CHEST"
    image.SeriesDescription = _long_string(f"SYNTHETIC {film.label or film.origin.kind}")


def _add_origin(image: Dataset, description: Description) -> None:
    """Say what made the film."""
    image.SyntheticData = "YES"
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.ConversionType = "SYN"
    image.BurnedInAnnotation = "NO"
    image.ImageComments = NOT_FOR_DIAGNOSIS
    image.DerivationDescription = "Drawn by a generative model"
    purpose = Dataset()
    purpose.CodeValue = "109100"
    purpose.CodingSchemeDesignator = "DCM"
    purpose.CodeMeaning = "Synthesizing Equipment"
    model = description["model"]
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = [purpose]
    equipment.Manufacturer = MANUFACTURER
    equipment.ManufacturerModelName = _long_string(f"{model['family']} {model['id']}")
    equipment.SoftwareVersions = _long_string(description["service_version"])
    equipment.ContributionDescription = f"Synthetic set {description['synthetic_set_id']}"
    image.ContributingEquipmentSequence = [equipment]


def _add_pixels(image: Dataset, pixels: NDArray[np.uint8]) -> None:
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.BitsAllocated = 8
    image.BitsStored = 8
    image.HighBit = 7
    image.PixelRepresentation = 0
    data = np.ascontiguousarray(pixels).tobytes()
    image.PixelData = data + b"\0" * (len(data) % 2)  # of even length, PS3.5 section 8.1.1
    image["PixelData"].VR = "OB"


def _uid(*parts: str) -> UID:
    """Derive a UID under 2.25 from names: the same names, the same UID."""
    return UID(
        f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, 'https://synthcxr.org/' + '/'.join(parts)).int}"
    )


def _long_string(text: str) -> str:
    """Fit text into an LO value, in which a backslash would separate two.

    The standard counts characters and some readers bytes, so the bytes are counted.
    """
    return text.replace("\\", "/").encode()[:_LO_BYTES].decode(errors="ignore").strip()
