"""Tables beside what the labels come from: they may name patients, and must not be passed over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from radiographs.errors import IngestRefused
from radiographs.quoting import printable
from radiographs.reading.file_index import FileIndex, stem
from radiographs.reading.file_kinds import plain
from radiographs.reading.listing import Listing
from radiographs.reading.patient_ids import one_spelling
from radiographs.reading.tables.columns import OTHER, find_patient
from radiographs.reading.tables.header import has_header, without_header
from radiographs.reading.tables.patient_columns import patient_warnings
from radiographs.reading.tables.table import Table, base_name, invalid
from radiographs.reading.tables.tables_of_images import MIN_SHARE, names_few, naming_column
from radiographs.warnings import IngestWarning

_NOT_READ = {"xls", "ods", "parquet"}  # formats of tables
_TABLE_NOT_USED = IngestWarning(
    "table_not_used",
    "A table names images, has columns that may be their labels, and was not read for these. Call "
    "it labels.csv where it has the labels.",
    0,
)
_NAMES_NO_IMAGE = IngestWarning(
    "table_not_used",
    "A table has a column of patients, and names hardly any of the images: nobody was read from "
    "it. Write the names of the files into it, or their paths, such as Normal/1.png.",
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


def with_patients(index: FileIndex, listing: Listing, used: Collection[str] = ()) -> Listing:
    """Read patients from a table that names the images, where those that were used name none.

    Args:
        index: The files.
        listing: What was found; its warnings are added to.
        used: Names of the tables that its labels come from; none where these are folders' names.

    Raises:
        IngestRefused: labels_invalid, where no table was used and one may have the labels.
    """
    patients: dict[str, str] = {}
    source = listing.patient_source
    for table in (each for each in index.readable_tables if each.name not in used):
        column, patient = naming_column(index, table), find_patient(table.columns)
        if column is None:
            if patient.place is not None and not listing.patient_source:
                listing.warnings.append(_NAMES_NO_IMAGE)
            continue
        if _may_label(table, {column, patient.place}):
            if not used and not names_few(index, table, MIN_SHARE):
                raise _not_understood(table)
            listing.warnings.append(_TABLE_NOT_USED)
        if patient.place is None or listing.patient_source:
            continue
        source = patient.source
        listing.warnings.extend(patient_warnings([patient]))
        _add_patients(patients, index, table, column, patient.place)
    listing.warnings.extend(_unread(index))
    if source == listing.patient_source:
        return listing
    images = [replace(image, patient_id=patients.get(image.name)) for image in listing.images]
    num_unknown = sum(image.name not in patients for image in images)
    if num_unknown:
        listing.warnings.append(_not_named(num_unknown))
    return replace(listing, images=images, patient_source=source)


def _add_patients(
    patients: dict[str, str], index: FileIndex, table: Table, column: int, patient: int
) -> None:
    """Read the patients of images, by the names of these.

    Raises:
        IngestRefused: labels_invalid, where an image gets two patients.
    """
    for cells, line in table.rows():
        path = printable(cells[column].replace("\\", "/"))
        match = index.image_names.find(path, table.folder)
        if match is None or not cells[patient]:
            continue
        earlier = patients.setdefault(match.name, cells[patient])
        if one_spelling(earlier) != one_spelling(cells[patient]):
            problem = "the image of this row has another patient in an earlier row or table"
            raise invalid(table.name, line, problem)


def _not_named(num_images: int) -> IngestWarning:
    detail = (
        "The table of patients does not name these images, or its names fit several of them; each "
        "counts as a patient of its own. Write their paths into it, such as Normal/1.png."
    )
    return IngestWarning("patients_unknown", detail, num_images)


def _unread(index: FileIndex) -> list[IngestWarning]:
    """Warn of tables in a format or an encoding that is not read."""
    other = [
        name for name in index.others if base_name(name).lower().rpartition(".")[2] in _NOT_READ
    ]
    number = len(index.unreadable_tables) + len(other)
    if not number:
        return []
    detail = (
        f"{number} tables cannot be read: their format, encoding or rows are damaged or unknown. "
        "Should they name patients or labels, save them as CSV in UTF-8."
    )
    return [IngestWarning("table_not_used", detail, 0)]


def _may_label(table: Table, known: set[int | None]) -> bool:
    """Say whether a table that names the images has a column that may be their labels.

    Without a header row any may be.
    """
    return any(
        plain(name) not in OTHER for place, name in enumerate(table.columns) if place not in known
    ) or (len(table.columns) > 1 and not has_header(table))


def _not_understood(table: Table) -> IngestRefused:
    if not has_header(table):
        return without_header(table)
    return IngestRefused(
        "labels_invalid",
        "A table beside the images names them and cannot be read as their labels, so that "
        "folders cannot be taken for classes: its columns are called otherwise, or its names "
        "fit several images. Call its columns file, label and patient_id, write paths into it, "
        "or remove it.",
        [f"{table.name} has the columns {', '.join(table.columns)[:400]}."],
    )
