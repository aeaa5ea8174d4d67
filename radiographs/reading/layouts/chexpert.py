"""CheXpert: train.csv and valid.csv beside train/patient00001/study1/view1_frontal.jpg.

Columns Path, Frontal/Lateral, No Finding and 13 observations, 1 where one is there. What is
uncertain (-1) counts as not there; lateral views are left out. The patient is in the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from radiographs.reading.file_index import FileIndex
from radiographs.reading.labelled_rows import LabelledRow
from radiographs.reading.layouts.public_tables import (
    listing_of,
    observed,
    rows_of,
    tables_with,
    why_left_out,
)
from radiographs.reading.listing import Listing
from radiographs.reading.tables.table import Table

NAME = "CheXpert"
_PATIENT = re.compile(r"(?:^|/)(patient\d+)/")


def read(index: FileIndex) -> Listing | None:
    """Read CheXpert."""
    tables = tables_with(index, "path", "frontallateral", "nofinding", "pleuraleffusion")
    return listing_of(index, tables, _rows, NAME, "the path") if tables else None


def _rows(table: Table) -> Iterator[LabelledRow]:
    for cells, line in rows_of(table):
        path = cells["path"]
        patient = _PATIENT.search(path)
        name = patient[1] if patient else None
        view = why_left_out(cells["frontallateral"])
        yield LabelledRow(path, observed(cells), name, line, view)
