"""NIH ChestX-ray14: Data_Entry_2017*.csv beside images_001/images/*, or Kaggle's sample of it.

Columns Image Index, Finding Labels (A|B), Patient ID.
"""

from __future__ import annotations

from collections.abc import Iterator

from radiographs.reading.file_index import FileIndex
from radiographs.reading.labelled_rows import LabelledRow
from radiographs.reading.layouts.public_tables import listing_of, rows_of, tables_with
from radiographs.reading.listing import Listing
from radiographs.reading.spellings import joined
from radiographs.reading.tables.table import Table

NAME = "NIH ChestX-ray14"


def read(index: FileIndex) -> Listing | None:
    """Read NIH ChestX-ray14."""
    tables = tables_with(index, "imageindex", "findinglabels")
    return listing_of(index, tables, _rows, NAME, "column Patient ID") if tables else None


def _rows(table: Table) -> Iterator[LabelledRow]:
    for cells, line in rows_of(table):
        label = joined([part.strip() for part in cells["findinglabels"].split("|") if part.strip()])
        yield LabelledRow(cells["imageindex"], label, cells.get("patientid") or None, line)
