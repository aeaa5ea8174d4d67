"""NIH ChestX-ray14: Data_Entry_2017*.csv beside images_001/images/*, or Kaggle's sample of it.

Columns Image Index, Finding Labels (A|B), Patient ID.
"""

from __future__ import annotations

from collections.abc import Iterator

from radiographs.reading.file_index import FileIndex
from radiographs.reading.file_kinds import plain
from radiographs.reading.labelled_rows import LabelledRow
from radiographs.reading.layouts.public_tables import listing_of, rows_of, tables_with
from radiographs.reading.listing import Listing
from radiographs.reading.spellings import joined
from radiographs.reading.tables.columns import find_patient
from radiographs.reading.tables.table import Table

NAME = "NIH ChestX-ray14"


def read(index: FileIndex) -> Listing | None:
    """Read NIH ChestX-ray14."""
    tables = tables_with(index, "imageindex", "findinglabels")
    if not tables:
        return None
    column = find_patient(tables[0].columns)
    layout = f"{NAME}: its table, labels by column Finding Labels"
    return listing_of(index, tables, _rows, layout, column.source)


def _rows(table: Table) -> Iterator[LabelledRow]:
    place = find_patient(table.columns).place
    patient = "" if place is None else plain(table.columns[place])
    for cells, line in rows_of(table):
        label = joined([part.strip() for part in cells["findinglabels"].split("|") if part.strip()])
        yield LabelledRow(cells["imageindex"], label, cells.get(patient) or None, line)
