"""MIMIC-CXR-JPG: its metadata and CheXpert or NegBio tables beside files/p10/p10000032/s.../*.jpg.

The first names each image with its patient (subject_id), study and view; the second labels
studies. CheXpert's labels are taken where both are there. Lateral views are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from radiographs.reading.file_index import FileIndex
from radiographs.reading.labelled_rows import LabelledRow
from radiographs.reading.layouts.public_tables import (
    listing_of,
    observed,
    rows_of,
    tables_with,
    why_left_out,
)
from radiographs.reading.listing import Listing
from radiographs.reading.tables.table import Table, base_name, invalid

NAME = "MIMIC-CXR"
Study = tuple[str, str]


def read(index: FileIndex) -> Listing | None:
    """Read MIMIC-CXR-JPG."""
    metadata = tables_with(index, "dicomid", "subjectid", "studyid", "viewposition")
    if not metadata:
        return None
    labels = tables_with(index, "subjectid", "studyid", "nofinding", "pleuraleffusion")
    if not labels:
        problem = (
            "it is MIMIC-CXR's table of images, and the table of labels is not there; put "
            "mimic-cxr-2.0.0-chexpert.csv or -negbio.csv beside it"
        )
        raise invalid(metadata[0].name, 1, problem)
    labels.sort(key=lambda table: "chexpert" not in base_name(table.name).lower())
    studies = _studies(labels[0])
    return listing_of(
        index, metadata, lambda table: _rows(table, studies), NAME, "column subject_id"
    )


def _studies(table: Table) -> Mapping[Study, str]:
    return {(cells["subjectid"], cells["studyid"]): observed(cells) for cells, _ in rows_of(table)}


def _rows(table: Table, studies: Mapping[Study, str]) -> Iterator[LabelledRow]:
    for cells, line in rows_of(table):
        patient, study = cells["subjectid"], cells["studyid"]
        label = studies.get((patient, study), "")
        path = f"p{patient[:2]}/p{patient}/s{study}/{cells['dicomid']}"
        view = why_left_out(cells["viewposition"])
        yield LabelledRow(path, label, patient, line, view)
