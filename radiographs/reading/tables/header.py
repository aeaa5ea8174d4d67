"""Whether the first row of a table has the names of its columns."""

from __future__ import annotations

import re

from radiographs.errors import IngestRefused
from radiographs.reading.tables.columns import has_known
from radiographs.reading.tables.table import Table, invalid

_DIGITS = re.compile(r"\d+")


def has_header(table: Table) -> bool:
    """Say whether the first row names columns, rather than an image or a title.

    It does where a name is a usual one; and it does not where a cell is empty or looks as those
    below it do, or where the rows below have other numbers of cells.
    """
    if has_known(table.columns):
        return True
    below: list[set[str]] = [set() for _ in table.columns]
    num_rows = 0
    for row in table.first_rows():
        num_rows += 1
        for shapes, cell in zip(below, row.cells, strict=True):
            shapes.add(_shape(cell))
    return num_rows > 0 and all(
        name and _shape(name) not in shapes
        for name, shapes in zip(table.columns, below, strict=True)
    )


def without_header(table: Table) -> IngestRefused:
    """Refuse a table whose first row is none of names; its cells may name patients."""
    return invalid(
        table.name,
        1,
        "it has no header row: its first row does not name the columns. Write "
        "file,label,patient_id (or what it has of these) above all others, once",
    )


def _shape(cell: str) -> str:
    return _DIGITS.sub("0", cell.casefold())
