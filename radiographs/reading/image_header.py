"""What an image says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from radiographs.acquisition import Acquisition


class DicomFacts(NamedTuple):
    """What is taken from a DICOM file beside its pixels.

    Args:
        patient_id: Whose image it is, as the file says; None where it does not.
        acquisition: What is kept beside the image.
        has_burned_in_text: Whether the file says that text is burned into its pixels.
        remarks: Codes of warnings: what its user should know.
        instance_uid: SOPInstanceUID, which names the image.
        study_uid: StudyInstanceUID.
    """

    patient_id: str | None
    acquisition: Acquisition
    has_burned_in_text: bool
    remarks: tuple[str, ...]
    instance_uid: str = ""
    study_uid: str = ""


class ImageHeader(NamedTuple):
    """What an image says of itself before its pixels are read.

    Args:
        width: Columns, as stored: the EXIF orientation may still turn them.
        height: Rows, as stored.
        bit_depth: 8 or 16: how its grey values are kept best.
        dicom: What else a DICOM file says; None for other formats.
        format: How the file is coded, for people.
    """

    width: int
    height: int
    bit_depth: int
    dicom: DicomFacts | None = None
    format: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it, which is all."""
        if self.dicom is None:
            return self._asdict()
        facts = {**self.dicom._asdict(), "acquisition": self.dicom.acquisition._asdict()}
        return {**self._asdict(), "dicom": facts}

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> ImageHeader:
        """Return the header that `as_json` was taken of."""
        facts = said["dicom"]
        if facts is None:
            return cls(**said)
        dicom = DicomFacts(
            patient_id=facts["patient_id"],
            acquisition=Acquisition(**facts["acquisition"]),
            has_burned_in_text=facts["has_burned_in_text"],
            remarks=tuple(facts["remarks"]),
            instance_uid=facts["instance_uid"],
            study_uid=facts["study_uid"],
        )
        return cls(**{**said, "dicom": dicom})
