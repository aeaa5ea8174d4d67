"""What a request may ask of a DICOMweb server: the queries of a dataset, a push."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from service.domain.requests import DicomwebQuery, DicomwebSource
from service.validation.bodies import Labels, Strict

MAX_INSTANCES = 200_000
_MAX_QUERIES = 64

ServerName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$"),
    Field(description="A name of SYNTHCXR_DICOMWEB_SERVERS; never an address."),
]
# printable, and without what separates several values
Value = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f\\,]+$")
]
Keyword = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{1,63}$")]
Uid = Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9]+(\.[0-9]+)*$")]
Modality = Literal["CR", "DX", "DR", "RG", "OT", "SC"]
_RADIOGRAPHS: list[Modality] = ["CR", "DX"]

_DATE = re.compile(r"\d{8}(-\d{8})?|\d{8}-|-\d{8}", re.ASCII)
# what has a field of its own, and what a server would take for an option of the search
_NOT_ATTRIBUTES = {
    *("Modality", "ModalitiesInStudy", "BodyPartExamined", "StudyDate"),
    *("AccessionNumber", "StudyInstanceUID"),
}


def _date_range(text: str) -> str:
    if not _DATE.fullmatch(text):
        raise ValueError("A study date is YYYYMMDD, or a range such as 20200101-20201231.")
    return text


class DicomwebQueryBody(Strict):
    """Images of one class; all that is given must hold."""

    label: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    modality: Annotated[list[Modality], Field(min_length=1, max_length=6)] = Field(
        default_factory=_RADIOGRAPHS.copy, description="One of these; by default CR and DX."
    )
    body_part: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_ ]{0,15}$")] | None = Field(
        None,
        description="BodyPartExamined. Images that do not say theirs are left out then; other "
        "parts than the chest are left out at ingest anyway.",
    )
    study_date: Annotated[str, AfterValidator(_date_range)] | None = Field(
        None, description="YYYYMMDD, or a range such as 20200101-20201231.", examples=["20200101-"]
    )
    attributes: Annotated[dict[Keyword, Value], Field(max_length=8)] = Field(
        default_factory=dict,
        description="Other attributes by their DICOM keyword, such as StudyDescription; `*` and "
        "`?` stand for any characters. The server must show that each image has them.",
    )
    accession_numbers: Annotated[list[Value], Field(max_length=20_000)] = Field(
        default_factory=list, description="Only studies of these: a table of labels, by class."
    )
    study_uids: Annotated[list[Uid], Field(max_length=20_000)] = Field(
        default_factory=list, description="Only these studies, by StudyInstanceUID."
    )

    @model_validator(mode="after")
    def _each_attribute_once(self) -> Self:
        if own := _NOT_ATTRIBUTES & self.attributes.keys():
            raise ValueError(f"{', '.join(sorted(own))}: use the field for it.")
        if self.accession_numbers and self.study_uids:
            raise ValueError("Give accession_numbers or study_uids, not both.")
        if any("*" in each or "?" in each for each in self.accession_numbers):
            raise ValueError("Accession numbers are whole: no * and no ?.")
        return self


class DicomwebBody(Strict):
    """Images of a DICOMweb server that the operator allows, such as a PACS."""

    server: ServerName
    queries: Annotated[list[DicomwebQueryBody], Field(min_length=1, max_length=_MAX_QUERIES)]
    max_instances: Annotated[int, Field(ge=1, le=MAX_INSTANCES)] = Field(
        20_000, description="More images are refused, not cut off."
    )

    @property
    def source(self) -> DicomwebSource:
        """Where the images come from."""
        queries = (
            DicomwebQuery(
                label=each.label,
                modality=tuple(dict.fromkeys(each.modality)),
                body_part=each.body_part,
                study_date=each.study_date,
                attributes=each.attributes,
                accession_numbers=tuple(dict.fromkeys(each.accession_numbers)),
                study_uids=tuple(dict.fromkeys(each.study_uids)),
            )
            for each in self.queries
        )
        return DicomwebSource(self.server, tuple(queries), self.max_instances)


class PushBody(Strict):
    """Where a released set is sent."""

    server: ServerName
    labels: Labels = Field(default_factory=dict)
