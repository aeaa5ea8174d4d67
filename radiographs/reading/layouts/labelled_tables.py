"""Any table that names most of the images and their labels: metadata.csv, manifest.csv, data.xlsx.

Several such tables, one for each split, are one set.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from radiographs.reading.file_index import FileIndex
from radiographs.reading.file_kinds import is_image_folder, plain
from radiographs.reading.labelled_rows import LabelledRows
from radiographs.reading.layouts.other_tables import with_patients
from radiographs.reading.listing import Listing
from radiographs.reading.tables.label_cells import LabelColumns, labelled_rows
from radiographs.reading.tables.patient_columns import patient_warnings
from radiographs.reading.tables.table import Table
from radiographs.reading.tables.tables_of_images import MIN_SHARE, naming_column
from radiographs.warnings import IngestWarning

NAME = "a table of files and labels"


def read(index: FileIndex) -> Listing | None:
    """Read a set whose labels are in tables under any name."""
    found: list[tuple[Table, LabelColumns]] = []
    for table in index.readable_tables:
        columns = LabelColumns.of(table)
        if columns.label is None:
            continue
        file = naming_column(index, table, {columns.label}, or_any=True)
        if file is not None:
            found.append((table, replace(columns, file=file)))
    if not found:
        return None
    rows = LabelledRows(index)
    for table, columns in found:
        rows.add(table.name, labelled_rows(table, columns))
    if len(rows.images) < MIN_SHARE * len(index.images):
        return None  # a small one beside the images decides nothing
    patients = [columns.patient for _, columns in found]
    listing = rows.listing(NAME, next((each.source for each in patients if each.source), None))
    listing.warnings.extend(patient_warnings(patients))
    for _, columns in found:
        listing.warnings.extend(columns.warnings())
    listing.warnings.extend(contradictions_of_folders(listing))
    return with_patients(index, listing, {table.name for table, _ in found})


def contradictions_of_folders(listing: Listing) -> list[IngestWarning]:
    """Warn where images lie in a folder that is called as another label than the table says."""
    labels = {plain(image.label) for image in listing.images}
    differ = Counter(
        image.label
        for image in listing.images
        if (folder := _folder(image.name)) in labels and folder != plain(image.label)
    )
    if not differ:
        return []
    detail = (
        "The table gives these images another label than the name of their folder; the table was "
        "taken. Correct whichever is wrong."
    )
    return [IngestWarning("folders_contradict", detail, differ.total())]


def _folder(name: str) -> str | None:
    folders = [folder for folder in name.split("/")[:-1] if not is_image_folder(folder)]
    return plain(folders[-1]) if folders else None
