"""Rows of file and label, read from the cells of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from radiographs.reading.labelled_rows import LabelledRow
from radiographs.reading.labels import checked_label
from radiographs.reading.spellings import joined, listed
from radiographs.reading.tables.columns import (
    FILE,
    LABEL,
    PatientColumn,
    find,
    find_patient,
    is_doubled,
)
from radiographs.reading.tables.table import Table, called, invalid

_DRIVE = re.compile(r"^[A-Za-z]:/|^[a-z][a-z0-9+.-]*://[^/]*/")


@dataclass(frozen=True)
class LabelColumns:
    """Where a table says file, label and patient.

    Args:
        file: Index of the column of paths; None where there is none.
        label: Index of the column of labels; None likewise.
        patient: The column of patients.
    """

    file: int | None
    label: int | None
    patient: PatientColumn

    @classmethod
    def of(cls, table: Table) -> LabelColumns:
        """Find the columns by their names."""
        file, label = find(table.columns, FILE), find(table.columns, LABEL)
        return cls(file, label, find_patient(table.columns))


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
        if label is not None and cell not in known:
            where = f"{called(table.name)}, line {line}: the cell in column 'label'"
            known[cell] = checked_label(joined(listed(cell)) or cell, where)
        name = None if patient is None else cells[patient]
        yield LabelledRow(path, known.get(cell, ""), name or None, line)


def _path(cell: str) -> str:
    """Return a cell's path from its first folder on, as no drive and no machine begins it."""
    if "\0" in cell:
        return ""
    path = _DRIVE.sub("", cell.replace("\\", "/"))
    return "/".join(part for part in path.split("/") if part not in {"", ".", ".."})
