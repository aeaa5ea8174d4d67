"""Which datasets can be ingested: the body of `POST /datasets`, its upload form, its source."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zipfile import BadZipFile, is_zipfile

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from service.domain import errors
from service.domain.errors import FieldError
from service.domain.requests import (
    BitDepth,
    BurnedInText,
    DatasetSource,
    Fit,
    IngestRequest,
    PhantomSpec,
    PublicData,
)
from service.validation.bodies import Labels, Name, Seed, StoredSize, Strict
from service.validation.dicomweb import DicomwebBody


class PhantomBody(Strict):
    """Radiographs drawn by the service itself, with known ground truth."""

    class_counts: Annotated[
        dict[
            Literal["normal", "lobar_opacity", "cardiomegaly", "effusion"],
            Annotated[int, Field(ge=8, le=50_000)],
        ],
        Field(min_length=2, description="Images per class; two classes at least, eight each."),
    ]
    image_size: StoredSize = 128
    seed: Seed = 0


class PublicBody(Strict):
    """What makes images public: anybody may have them, under a licence, from a source."""

    licence: Name = Field(description="Such as CC0-1.0, or the name of the terms of use.")
    source: Annotated[
        str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")
    ] = Field(description="Where they are published: a name, an address or a DOI.")


class IngestOptionsBody(Strict):
    """How images become pixels of one size."""

    name: Name | None = None
    image_size: StoredSize | None = Field(
        None, description="Side of the stored pixels; by default chosen from the images."
    )
    fit: Fit = Field("pad", description="How an image that is not square becomes square.")
    bit_depth: BitDepth | None = Field(None, description="By default that of the images.")
    strict: bool = Field(False, description="Refuse the set for any warning (`warnings_refused`).")
    allow_burned_in_annotation: bool = Field(
        False,
        description="Keep DICOM files that say that text is burned into their pixels; they are "
        "left out otherwise.",
    )
    burned_in_text: BurnedInText = Field(
        "keep",
        description="What becomes of legible text in an image, such as a name or a date: it is "
        "kept, with a warning; masked; or the image is dropped.",
    )
    public: PublicBody | None = Field(
        None,
        description="Say that the images are public. A model that learned from public images alone "
        "can start a training with differential privacy; its card and every set name the licence "
        "and the source. Private images stay private however they are declared: do not declare "
        "what patients did not agree to publish.",
    )


def _of_a_form(schema: dict[str, Any]) -> None:
    """Describe a form: it has a file, and what is not given is left out, since no text is null."""
    for name, described in schema["properties"].items():
        given = [each for each in described.get("anyOf", ()) if each != {"type": "null"}]
        if given:
            kept = {key: text for key, text in described.items() if key not in {"anyOf", "default"}}
            schema["properties"][name] = {**kept, **given[0]}
    file = {"type": "string", "format": "binary", "description": "The ZIP."}
    schema["properties"] = {"file": file, **schema["properties"]}
    schema["required"] = ["file"]


class UploadForm(IngestOptionsBody):
    """The fields of a multipart upload, which are text; `file` is read apart."""

    model_config = ConfigDict(strict=False, json_schema_extra=_of_a_form)

    @field_validator("public", mode="before")
    @classmethod
    def _object(cls, value: Any) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            return value

    @field_validator("image_size", "bit_depth", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isdecimal() else value


class IngestBody(IngestOptionsBody):
    """A dataset from a folder of the service's machine, a DICOMweb server, or drawn phantoms."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "phantoms",
                    "phantom": {
                        "class_counts": {"normal": 200, "effusion": 120},
                        "image_size": 64,
                        "seed": 7,
                    },
                },
                {
                    "name": "from the PACS",
                    "dicomweb": {
                        "server": "pacs",
                        "queries": [
                            {"label": "effusion", "attributes": {"StudyDescription": "*EFFUSION*"}},
                            {"label": "normal", "accession_numbers": ["A1001", "A1002"]},
                        ],
                    },
                },
            ]
        }
    )

    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    phantom: PhantomBody | None = None
    dicomweb: DicomwebBody | None = None
    labels: Labels = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(given is not None for given in (self.path, self.phantom, self.dicomweb)) != 1:
            raise ValueError("Give exactly one of path, phantom and dicomweb.")
        return self

    @model_validator(mode="after")
    def _no_private_source(self) -> Self:
        if self.public and self.dicomweb:
            raise ValueError("Images of a DICOMweb server are patients' own, and never public.")
        return self

    @property
    def source(self) -> DatasetSource:
        """Where the images come from."""
        if self.dicomweb is not None:
            return DatasetSource(dicomweb=self.dicomweb.source)
        if self.phantom is None:
            return DatasetSource(path=self.path)
        drawn = self.phantom
        counts: dict[str, int] = dict(drawn.class_counts.items())
        return DatasetSource(phantom=PhantomSpec(counts, drawn.image_size, drawn.seed))


def complete(
    body: IngestOptionsBody, source: DatasetSource, dataset_id: str, roots: Sequence[Path]
) -> IngestRequest:
    """Complete an ingest; a path is resolved.

    Args:
        body: How images become pixels.
        source: Where they come from.
        dataset_id: What they become.
        roots: Folders below which a path may lie.

    Raises:
        PathNotAllowed, PathNotFound, NotAZip: See the error tree.
    """
    if source.path is not None:
        source = DatasetSource(path=str(allowed_path(roots, source.path)))
    name = body.name or dataset_id
    return IngestRequest(
        dataset_id,
        name,
        source,
        body.image_size,
        body.fit,
        body.bit_depth,
        body.strict,
        body.allow_burned_in_annotation,
        body.burned_in_text,
        PublicData(body.public.licence, body.public.source) if body.public else None,
    )


def allowed_path(roots: Sequence[Path], path: str) -> Path:
    """Resolve a folder or ZIP that a client named, links included; check that it may be read."""
    try:
        found = Path(path).resolve()
        allowed = Path(path).is_absolute() and any(
            found.is_relative_to(root.resolve()) for root in roots
        )
        exists = allowed and found.exists()
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, a NUL
        raise errors.PathNotFound.at("/path", "The path cannot be followed.") from None
    if not allowed:
        message = (
            "The path is not below one of the roots this service may read. Name an absolute "
            "path below a folder of SYNTHCXR_DATASET_ROOTS, or upload a ZIP."
        )
        raise errors.PathNotAllowed(message, fields=[FieldError("/path", message)])
    if not exists:
        raise errors.PathNotFound.at("/path", "The service's machine has no such folder or ZIP.")
    if not found.is_dir() and not _is_zip(found):
        raise errors.NotAZip.at("/path", "The path is neither a folder nor a ZIP archive.")
    return found


def _is_zip(path: Path) -> bool:
    """Say whether a path is a regular file that ends as a ZIP does; nothing else is opened."""
    try:
        return path.is_file() and is_zipfile(path)
    except (BadZipFile, OSError, ValueError):
        return False


def check_upload(retention_seconds: float, *, kept: bool) -> None:
    """Raise UploadGone unless what was uploaded for a job is still kept."""
    if not kept:
        raise errors.UploadGone(
            "What was uploaded is no longer kept: that of an ingest that was cancelled, or of a "
            f"job that may succeed when retried, is kept for {retention_seconds / 3600:g} hours, "
            "any other not at all. Send it in a new request."
        )
