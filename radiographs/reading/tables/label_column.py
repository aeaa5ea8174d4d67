"""Which column of a table has the labels, where several are called so."""

from __future__ import annotations

from collections import defaultdict

from radiographs.reading.file_kinds import is_split_folder
from radiographs.reading.tables.columns import LABEL, find_all
from radiographs.reading.tables.table import Table
from radiographs.reading.views import is_view


def label_column(table: Table) -> tuple[int | None, bool]:
    """Return the column of labels, and whether another one may mean the label and says more.

    Columns that only say splits or views are not meant where there is another one.
    """
    named = find_all(table.columns, LABEL)
    if len(named) < 2:
        return next(iter(named), None), False
    rows = [row.cells for row in table.first_rows()]
    likely = [place for place in named if not _says_other(rows, place)] or named
    first = likely[0]
    return first, any(not _is_same(rows, first, other) for other in likely[1:])


def _says_other(rows: list[list[str]], place: int) -> bool:
    cells = {cells[place] for cells in rows} - {""}
    return all(map(is_split_folder, cells)) or all(map(is_view, cells))


def _is_same(rows: list[list[str]], first: int, second: int) -> bool:
    """Say whether two columns say one thing in two ways: 0 and 1, normal and sick."""
    pairs = {(cells[first], cells[second]) for cells in rows}
    forth, back = defaultdict(set), defaultdict(set)
    for one, other in pairs:
        forth[one].add(other)
        back[other].add(one)
    return max(map(len, (*forth.values(), *back.values())), default=1) == 1
