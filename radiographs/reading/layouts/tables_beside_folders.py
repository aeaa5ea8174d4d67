"""Tables that lie beside class folders: they may name patients, and must not be passed over."""

from __future__ import annotations

from dataclasses import replace

from radiographs.errors import IngestRefused
from radiographs.reading.file_index import FileIndex, stem
from radiographs.reading.file_kinds import plain
from radiographs.reading.listing import Listing
from radiographs.reading.tables.columns import find_patient
from radiographs.reading.tables.patient_columns import patient_warnings
from radiographs.reading.tables.table import Table, base_name
from radiographs.reading.tables.tables_of_images import names_few, naming_column
from radiographs.warnings import IngestWarning

_MIN_SHARE_NAMED = 0.5  # of a table's rows, that it is one of these images
# Columns that cannot be labels.
_NO_LABELS = {
    *("file", "filename", "path", "image", "imagename", "imageid", "index", "id", "unnamed0", ""),
    *("format", "size", "filesize", "bytes", "url", "width", "height", "mode", "bits", "type"),
    *("resolution", "md5", "sha1", "sha256", "source", "license", "licence", "split", "fold"),
    *("age", "sex", "gender", "patientage", "patientsex", "patientgender", "date", "studydate"),
    *("view", "viewposition", "projection", "studyid", "seriesid", "accession", "modality"),
    *("manufacturer", "followup"),
}
_TABLE_NOT_USED = IngestWarning(
    "table_not_used",
    "A table names a few of the images and was not read; the folders were taken for classes. Call "
    "it labels.csv where it has the labels.",
    0,
)


def refuse_unread_tables(index: FileIndex) -> None:
    """Refuse a file that is called as our table is, in a format that is not read.

    Raises:
        IngestRefused: labels_invalid.
    """
    for name in index.others:
        suffix = base_name(name).lower().partition(".")[2]
        if stem(name) == "labels" and suffix in {"xls", "ods", "txt", "json", "parquet", "dat"}:
            raise IngestRefused(
                "labels_invalid",
                f"Labels are there in a format that is not read ({suffix}). Save them as "
                "labels.csv, with the columns file, label and patient_id.",
            )


def with_patients(index: FileIndex, listing: Listing) -> Listing:
    """Read patients from a table that names the images and gives them no label.

    Raises:
        IngestRefused: labels_invalid, where a table may label the images and is not understood.
    """
    patients: dict[str, str] = {}
    source = None
    for table in index.readable_tables:
        column = naming_column(index, table, _MIN_SHARE_NAMED)
        if column is None:
            continue
        patient = find_patient(table.columns)
        if _may_label(table, {column, patient.place}):
            if not names_few(index, table, _MIN_SHARE_NAMED):
                raise _not_understood(table)
            listing.warnings.append(_TABLE_NOT_USED)
        if patient.place is None or patient.place == column:
            continue
        source = patient.source
        listing.warnings.extend(patient_warnings([patient]))
        for cells, _ in table.rows():
            match = index.image_names.find(cells[column].replace("\\", "/"), table.folder)
            if match is not None and cells[patient.place]:
                patients[match.name] = cells[patient.place]
    images = [replace(image, patient_id=patients.get(image.name)) for image in listing.images]
    return replace(listing, images=images, patient_source=source)


def _may_label(table: Table, known: set[int | None]) -> bool:
    """Say whether a table that names the images has a column that may be their labels."""
    return any(
        plain(name) not in _NO_LABELS
        for place, name in enumerate(table.columns)
        if place not in known
    )


def _not_understood(table: Table) -> IngestRefused:
    return IngestRefused(
        "labels_invalid",
        "A table beside the images names them and cannot be read as their labels, so that "
        "folders cannot be taken for classes: its columns are called otherwise, or its names "
        "fit several images. Call its columns file, label and patient_id, write paths into it, "
        "or remove it.",
        [f"{table.name} has the columns {', '.join(table.columns)[:400]}."],
    )
