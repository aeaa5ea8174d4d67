"""Rows of file and label, read from the cells of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from radiographs.reading.labelled_rows import LabelledRow
from radiographs.reading.labels import checked_label
from radiographs.reading.placeholders import is_no_label
from radiographs.reading.spellings import joined, listed
from radiographs.reading.tables.columns import (
    FILE,
    VIEW,
    PatientColumn,
    find,
    find_patient,
    is_doubled,
)
from radiographs.reading.tables.label_column import label_column
from radiographs.reading.tables.table import Table, called, invalid
from radiographs.reading.views import is_lateral
from radiographs.warnings import IngestWarning

_DRIVE = re.compile(r"^[A-Za-z]:/|^[a-z][a-z0-9+.-]*://[^/]*/")


@dataclass(frozen=True)
class LabelColumns:
    """Where a table says file, label and patient.

    Args:
        file: Index of the column of paths; None where there is none.
        label: Index of the column of labels; None likewise.
        patient: The column of patients.
        view: Index of the column of view positions; None likewise.
        is_unclear: Whether another column may mean the label and says more.
    """

    file: int | None
    label: int | None
    patient: PatientColumn
    view: int | None
    is_unclear: bool

    @classmethod
    def of(cls, table: Table) -> LabelColumns:
        """Find the columns by their names."""
        label, is_unclear = label_column(table)
        columns = table.columns
        file, patient, view = find(columns, FILE), find_patient(columns), find(columns, VIEW)
        return cls(file, label, patient, view, is_unclear)

    def warnings(self) -> list[IngestWarning]:
        """Warn where the label may be another column's."""
        if not self.is_unclear:
            return []
        detail = (
            "Several columns may have the labels, and one was read. Call the right one label and "
            "the others otherwise."
        )
        return [IngestWarning("label_column_unclear", detail, 0)]


def labelled_rows(table: Table, columns: LabelColumns) -> Iterator[LabelledRow]:
    """Read a table's rows.

    Raises:
        IngestRefused: labels_invalid, naming the line and quoting no cell.
    """
    file, label, patient = columns.file, columns.label, columns.patient.place
    if file is None:
        return
    for index in (file, label, patient):
        if is_doubled(table.columns, index):
            raise invalid(table.name, 1, "a column is there twice under one name")
    known: dict[str, str] = {}
    for cells, line in table.rows():
        path = _path(cells[file])
        if not path:
            raise invalid(table.name, line, "the file is no path")
        cell = "" if label is None else cells[label]
        if cell and is_no_label(cell):
            known[cell] = ""
        elif label is not None and cell not in known:
            where = f"{called(table.name)}, line {line}: the cell in column 'label'"
            known[cell] = checked_label(joined(listed(cell)) or cell, where)
        name = None if patient is None else cells[patient]
        lateral = columns.view is not None and is_lateral(cells[columns.view])
        yield LabelledRow(path, known.get(cell, ""), name or None, line, is_lateral=lateral)


def _path(cell: str) -> str:
    """Return a cell's path from its first folder on, as no drive and no machine begins it."""
    if "\0" in cell:
        return ""
    path = _DRIVE.sub("", cell.replace("\\", "/"))
    return "/".join(part for part in path.split("/") if part not in {"", ".", ".."})
