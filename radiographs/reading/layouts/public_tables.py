"""What the readers of public sets share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from radiographs.errors import ImageCode
from radiographs.reading.file_index import FileIndex
from radiographs.reading.file_kinds import plain
from radiographs.reading.labelled_rows import LabelledRow, LabelledRows
from radiographs.reading.listing import Listing
from radiographs.reading.spellings import joined
from radiographs.reading.tables.table import Table
from radiographs.reading.views import is_lateral

Cells = Mapping[str, str]  # of a row, by the plain name of their column

NO_FINDING = "No Finding"
# The 14 observations of the CheXpert labeller, which CheXpert and MIMIC-CXR share (Irvin 2019).
OBSERVATIONS = (
    *("Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"),
    *("Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion"),
    *("Pleural Other", "Fracture", "Support Devices"),
)
_POSITIVE = {"1", "1.0"}


def tables_with(index: FileIndex, *columns: str) -> list[Table]:
    """Return the tables that have columns of all these plain names."""
    return [
        table for table in index.readable_tables if set(columns) <= set(map(plain, table.columns))
    ]


def rows_of(table: Table) -> Iterator[tuple[Cells, int]]:
    """Read a table's rows as cells by column, each with its line."""
    names = [plain(column) for column in table.columns]
    for cells, line in table.rows():
        yield dict(zip(names, cells, strict=True)), line


def listing_of(
    index: FileIndex,
    tables: Sequence[Table],
    rows: Callable[[Table], Iterable[LabelledRow]],
    layout: str,
    patient_source: str | None,
) -> Listing:
    """Bring the rows of a public set's tables and the images that are there together."""
    found = LabelledRows(index, may_name_others=True)
    for table in tables:
        found.add(table.name, rows(table))
    return replace(found.listing(layout, patient_source), leaves_out_rare=True)


def observed(cells: Cells) -> str:
    """Return the label of a row of the CheXpert labeller: what is surely there.

    Empty where nothing is, and the absence of findings is not said either.
    """
    there = [name for name in OBSERVATIONS if cells.get(plain(name)) in _POSITIVE]
    if there:
        return joined(there)
    return NO_FINDING if cells.get(plain(NO_FINDING)) in _POSITIVE else ""


def why_left_out(view: str) -> ImageCode | None:
    """Say why an image is left out for its view position: it is a lateral one."""
    return "other_view" if is_lateral(view) else None
