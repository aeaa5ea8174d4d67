"""PadChest: PADCHEST_chest_x_ray_images_labels_*.csv beside its PNGs, in folders or not.

Columns ImageID, PatientID, Labels (a list as Python writes it), Projection. Lateral projections
are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from radiographs.reading.file_index import FileIndex
from radiographs.reading.labelled_rows import LabelledRow
from radiographs.reading.layouts.public_tables import listing_of, rows_of, tables_with, why_left_out
from radiographs.reading.listing import Listing
from radiographs.reading.spellings import joined, listed
from radiographs.reading.tables.table import Table

NAME = "PadChest"
_NO_LABELS = {"unchanged", "exclude", "suboptimal study"}  # which say nothing of findings


def read(index: FileIndex) -> Listing | None:
    """Read PadChest."""
    tables = tables_with(index, "imageid", "patientid", "labels", "projection")
    return listing_of(index, tables, _rows, NAME, "column PatientID") if tables else None


def _rows(table: Table) -> Iterator[LabelledRow]:
    for cells, line in rows_of(table):
        found = {finding.strip() for finding in listed(cells["labels"])}
        view = why_left_out(cells["projection"])
        label = joined(sorted(found - _NO_LABELS - {""}))
        yield LabelledRow(cells["imageid"], label, cells["patientid"] or None, line, view)
