"""How far an ingest has come, and what became of its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from radiographs.reading.listing import DroppedFile
from radiographs.warnings import IngestWarning

Phase = Literal["listing", "headers", "decoding", "duplicates", "writing"]


class IngestProgress(NamedTuple):
    """How far an ingest has come; given at least twice a second or so."""

    phase: Phase
    images_seen: int
    total_images: int


class ImageWithText(NamedTuple):
    """An image that text is burnt into, and that was not dropped for it.

    Args:
        file: Its name, quoted.
        num_places: Places at which text was found in it.
    """

    file: str
    num_places: int


@dataclass(frozen=True)
class IngestSummary:
    """What became of a source.

    Args:
        classes: Numbers of images in the splits, by label; see `ImageTable.counts`.
        image_size: Side of each stored image.
        bit_depth: 8 or 16.
        fingerprint: SHA-256 over pixels, labels and patient groups, in hexadecimal.
        version: Keyed hash of the fingerprint: the dataset's name in what is published.
        dropped: Files that were left out, by name and reason.
        warnings: What to look at before the dataset is used.
        with_text: Images that text is burnt into, whether it was kept or masked.
        num_exact_duplicates: Images whose stored pixels equal an earlier image's; here and below
            those that were left out for their copies' labels count as well.
        num_near_duplicates: Other images that show what an earlier one shows.
        num_known_images: Images of patients whom an earlier dataset has split: these keep their
            splits.
        num_split_conflicts: Patients whom earlier datasets took for several and put into
            different splits.
        num_upsampled: Images with fewer pixels than the store's size.
        has_patient_ids: Whether any image came with one; an image without one counts as a patient.
        num_images_with_patient: How many came with one.
        patient_source: What says whose image it is, such as the name of a column.
        layout: What the source was read as.
    """

    classes: dict[str, dict[str, int]]
    image_size: int
    bit_depth: int
    fingerprint: str
    version: str
    dropped: list[DroppedFile]
    warnings: list[IngestWarning]
    with_text: list[ImageWithText]
    num_exact_duplicates: int
    num_near_duplicates: int
    num_known_images: int
    num_split_conflicts: int
    num_upsampled: int
    has_patient_ids: bool
    num_images_with_patient: int
    patient_source: str | None
    layout: str
