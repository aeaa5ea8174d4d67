"""labels.csv, in any case and format of table: rows file,label[,patient_id] beside the images."""

from __future__ import annotations

from dataclasses import replace

from radiographs.reading.file_index import FileIndex, stem
from radiographs.reading.labelled_rows import LabelledRows
from radiographs.reading.layouts.labelled_tables import contradictions_of_folders
from radiographs.reading.layouts.other_tables import with_patients
from radiographs.reading.listing import Listing
from radiographs.reading.tables.header import has_header, without_header
from radiographs.reading.tables.label_cells import LabelColumns, labelled_rows
from radiographs.reading.tables.patient_columns import patient_warnings
from radiographs.reading.tables.table import Table, invalid
from radiographs.reading.tables.tables_of_images import naming_column

NAME = "labels.csv"
STEMS = {"labels", "label"}


def read(index: FileIndex) -> Listing | None:
    """Read a set that labels.csv labels."""
    tables = [table for table in index.readable_tables if stem(table.name) in STEMS]
    if not tables:
        return None
    rows = LabelledRows(index)
    columns = [_columns(index, table) for table in tables]
    for table, its in zip(tables, columns, strict=True):
        before = rows.num_rows
        rows.add(table.name, labelled_rows(table, its))
        if rows.num_rows == before:
            raise invalid(table.name, 1, "there are no rows below the header")
    listing = rows.listing(NAME, next((its.patient.source for its in columns), None))
    listing.warnings.extend(contradictions_of_folders(listing))
    listing.warnings.extend(patient_warnings(its.patient for its in columns))
    for its in columns:
        listing.warnings.extend(its.warnings())
    return with_patients(index, listing, {table.name for table in tables})


def _columns(index: FileIndex, table: Table) -> LabelColumns:
    columns = LabelColumns.of(table)
    if columns.file is None or columns.label is None:
        if not has_header(table):
            raise without_header(table)
        there = ", ".join(f"'{name}'" for name in table.columns)
        problem = "the columns 'file' and 'label' are needed, and are not both there"
        refused = invalid(table.name, 1, problem)
        refused.files += (f"Its columns are {there[:400]}.",)
        raise refused
    file = naming_column(index, table, {columns.label}, or_any=True)
    return columns if file is None else replace(columns, file=file)
