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
from radiographs.reading.tables.columns import FILE, find_all
from radiographs.reading.tables.label_cells import LabelColumns, labelled_rows
from radiographs.reading.tables.patient_columns import patient_warnings
from radiographs.reading.tables.table import Table
from radiographs.reading.tables.tables_of_images import share_named
from radiographs.warnings import IngestWarning

NAME = "a table of files and labels"
MIN_SHARE = (
    0.5  # of the images that tables must name, so that a small one beside them decides nothing
)


def read(index: FileIndex) -> Listing | None:
    """Read a set whose labels are in tables under any name."""
    found: list[tuple[Table, LabelColumns]] = []
    for table in index.readable_tables:
        columns = LabelColumns.of(table)
        names = {each: share_named(index, table, each) for each in find_all(table.columns, FILE)}
        file = max(names, key=names.__getitem__, default=None)
        if columns.label is not None and file is not None and names[file]:
            found.append((table, replace(columns, file=file)))
    if not found:
        return None
    rows = LabelledRows(index)
    for table, columns in found:
        rows.add(table.name, labelled_rows(table, columns))
    if len(rows.images) < MIN_SHARE * len(index.images):
        return None
    patients = [columns.patient for _, columns in found]
    listing = rows.listing(NAME, next((each.source for each in patients if each.source), None))
    listing.warnings.extend(patient_warnings(patients))
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
