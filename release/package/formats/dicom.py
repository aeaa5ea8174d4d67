"""Images as DICOM: Secondary Capture objects that say in every way that they are synthetic.

One fictitious patient, study and series per image; identifiers follow from the set and the image's
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
from release.package.manifest import Description, PackagedImage

MANUFACTURER = "SynthCXR"
NOT_FOR_DIAGNOSIS = "SYNTHETIC - NOT FOR DIAGNOSIS"
_LO_BYTES = 64  # longest value of a long string (LO), PS3.5 table 6.2-1


class DicomFormat:
    """Writes one file per image, those of no class too, which say what they are.

    Args:
        archive: The package.
        description: Of the set, whose id, model and version stand in every file.
    """

    def __init__(self, archive: Archive, description: Description) -> None:
        self._archive = archive
        self._description = description

    def add(self, image: PackagedImage, pixels: NDArray[np.uint8], png: bytes) -> None:  # noqa: ARG002 - as every format
        """Take an image."""
        folder = image.origin.folder.removeprefix("images/")
        data = dicom(image, pixels, self._description)
        self._archive.write(f"dicom/{folder}/{image.index:06}.dcm", data)

    def close(self) -> None:
        """Do nothing: every image is written."""


def dicom(image: PackagedImage, pixels: NDArray[np.uint8], description: Description) -> bytes:
    """Encode an image, (h, w), as a Secondary Capture object."""
    name = f"{description.synthetic_set_id}-{image.index:06}"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(name, "image")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("synthcxr", "implementation")
    meta.ImplementationVersionName = "SYNTHCXR"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    _add_identity(dataset, name)
    _add_series(dataset, name, image)
    _add_origin(dataset, description)
    _add_pixels(dataset, pixels)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _add_identity(dataset: Dataset, name: str) -> None:
    """Make up a patient, and say so."""
    dataset.SpecificCharacterSet = "ISO_IR 192"  # UTF-8
    dataset.PatientName = f"SYNTHETIC^{name}"
    dataset.PatientID = f"SYN-{name}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Synthetic image of no patient"


def _add_series(dataset: Dataset, name: str, image: PackagedImage) -> None:
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = _uid(name, "image")
    dataset.StudyInstanceUID = _uid(name, "study")
    dataset.SeriesInstanceUID = _uid(name, "series")
    dataset.StudyDate = ""
    dataset.StudyTime = ""
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.PatientOrientation = ""
    dataset.Modality = "OT"
    dataset.BodyPartExamined = "CHEST"
    dataset.SeriesDescription = _long_string(f"SYNTHETIC {image.label or image.origin.kind}")


def _add_origin(dataset: Dataset, description: Description) -> None:
    """Say what made the image."""
    dataset.SyntheticData = "YES"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ConversionType = "SYN"
    dataset.BurnedInAnnotation = "NO"
    dataset.ImageComments = NOT_FOR_DIAGNOSIS
    dataset.DerivationDescription = "Drawn by a generative model"
    purpose = Dataset()
    purpose.CodeValue = "109100"
    purpose.CodingSchemeDesignator = "DCM"
    purpose.CodeMeaning = "Synthesizing Equipment"
    model = description.model
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = [purpose]
    equipment.Manufacturer = MANUFACTURER
    equipment.ManufacturerModelName = _long_string(f"{model.family} {model.id}")
    equipment.SoftwareVersions = _long_string(description.service_version)
    equipment.ContributionDescription = f"Synthetic set {description.synthetic_set_id}"
    dataset.ContributingEquipmentSequence = [equipment]


def _add_pixels(dataset: Dataset, pixels: NDArray[np.uint8]) -> None:
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 8
    dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    data = np.ascontiguousarray(pixels).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)  # of even length, PS3.5 section 8.1.1
    dataset["PixelData"].VR = "OB"


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
