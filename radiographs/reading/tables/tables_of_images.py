"""Which tables name the images of a set, whatever else they say."""

from __future__ import annotations

from itertools import islice

from radiographs.errors import IngestRefused
from radiographs.quoting import printable
from radiographs.reading.file_index import FileIndex
from radiographs.reading.tables.table import Table

_ROWS_LOOKED_AT = 2000


def share_named(index: FileIndex, table: Table, column: int | None) -> float:
    """Return which share of a column's first cells name images that are there."""
    if column is None or not index.images:
        return 0.0
    cells: list[str] = []
    try:
        cells.extend(row.cells[column] for row in islice(table.rows(), _ROWS_LOOKED_AT))
    except IngestRefused:
        if any(_names_image(index, cell) for cell in cells):
            raise  # it names images, and where it is damaged it says so by its line
        index.unreadable_tables.add(table.name)
        return 0.0
    named = (_names_image(index, cell) for cell in cells)
    return sum(named) / max(len(cells), 1)


def naming_column(index: FileIndex, table: Table, min_share: float) -> int | None:
    """Return the column that names images, whatever it is called."""
    shares = [share_named(index, table, column) for column in range(min(len(table.columns), 50))]
    best = max(range(len(shares)), key=shares.__getitem__, default=None)
    return best if best is not None and shares[best] >= min_share else None


def names_few(index: FileIndex, table: Table, min_share: float) -> bool:
    """Say whether a table has rows for less than a share of the images."""
    enough = int(min_share * len(index.images)) + 1
    return sum(1 for _ in islice(table.rows(), enough)) < enough


def _names_image(index: FileIndex, cell: str) -> bool:
    if not cell:
        return False
    return index.image_names.fits_any(printable(cell.replace("\\", "/")))
