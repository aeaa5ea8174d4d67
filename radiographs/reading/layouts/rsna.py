"""RSNA Pneumonia Detection: stage_2_train_labels.csv and stage_2_detailed_class_info.csv.

Both have a row for each box. The detailed classes are taken where they are there; else Target: 1
is pneumonia. What the set calls patientId is one image's, and counts as a patient.
"""

from __future__ import annotations

from collections.abc import Iterator

from radiographs.reading.file_index import FileIndex
from radiographs.reading.labelled_rows import LabelledRow
from radiographs.reading.layouts.public_tables import listing_of, rows_of, tables_with
from radiographs.reading.listing import Listing
from radiographs.reading.tables.table import Table

NAME = "RSNA Pneumonia Detection"
_TARGETS = {"0": "No Pneumonia", "1": "Pneumonia"}


def read(index: FileIndex) -> Listing | None:
    """Read the set of the RSNA challenge."""
    boxes = tables_with(index, "patientid", "target", "x", "y")
    if not boxes:
        return None
    detailed = [
        table for table in tables_with(index, "patientid", "class") if len(table.columns) == 2
    ]
    return listing_of(index, detailed or boxes, _rows, NAME, "column patientId")


def _rows(table: Table) -> Iterator[LabelledRow]:
    seen: set[str] = set()
    for cells, line in rows_of(table):
        image = cells["patientid"]
        if image not in seen:
            seen.add(image)
            label = cells.get("class") or _TARGETS.get(cells.get("target", ""), "")
            yield LabelledRow(image, " - ".join(label.split(" / ")), image, line)
