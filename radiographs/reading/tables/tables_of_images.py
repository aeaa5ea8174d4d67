"""Which tables name the images of a set, whatever else they say."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from radiographs.errors import IngestRefused
from radiographs.quoting import printable
from radiographs.reading.file_index import FileIndex
from radiographs.reading.tables.columns import FILE, PATIENT, find_all, find_patient
from radiographs.reading.tables.table import Table

MIN_SHARE = 0.5  # of a table's first rows, or of the images
_ANY = 1e-9
_MAX_COLUMNS = 50  # looked at


def naming_column(
    index: FileIndex, table: Table, others: Collection[int | None] = (), *, or_any: bool = False
) -> int | None:
    """Return the column that names images.

    Those that are called so come first, and those that are called as a patient last, since a
    patient's number may be the name of an image too. Of several the one that names most is taken.

    Args:
        index: The images.
        table: Any table.
        others: Columns that are known to say something else.
        or_any: Whether one that is called so is taken for any image that it names; else it names
            most of its first rows, or most of the images.
    """
    if not index.images:
        return None
    shares = _shares_named(index, table)
    called = [place for place in find_all(table.columns, FILE) if place in shares]
    patients = {find_patient(table.columns).place, *find_all(table.columns, PATIENT)}
    rest = [place for place in shares if place not in {*called, *patients, *others}]
    in_turn = (
        (called, _ANY if or_any else MIN_SHARE),
        (rest, MIN_SHARE),
        ([place for place in shares if place in patients], MIN_SHARE),
    )
    for places, least in in_turn:
        best = max(places, key=shares.__getitem__, default=None)
        if best is not None and shares[best] >= least:
            return best
    # of a large set, of which these images are a part
    part = next(iter(called), None)
    return part if part is not None and _names_most(index, table, part) else None


def names_few(index: FileIndex, table: Table, min_share: float) -> bool:
    """Say whether a table has rows for less than a share of the images."""
    enough = int(min_share * len(index.images)) + 1
    return sum(1 for _ in islice(table.rows(), enough)) < enough


def _shares_named(index: FileIndex, table: Table) -> dict[int, float]:
    """Return which share of each column's first cells name images that are there."""
    places = range(min(len(table.columns), _MAX_COLUMNS))
    named = dict.fromkeys(places, 0)
    num_rows = 0
    try:
        for row in table.first_rows(strict=True):
            num_rows += 1
            for place in places:
                named[place] += _names_image(index, row.cells[place])
    except IngestRefused:
        if any(named.values()):
            raise  # it names images, and where it is damaged it says so by its line
        index.unreadable_tables.add(table.name)
        return dict.fromkeys(places, 0.0)
    return {place: number / max(num_rows, 1) for place, number in named.items()}


def _names_most(index: FileIndex, table: Table, place: int) -> bool:
    """Say whether a column names most of the images, read to its end where need be."""
    if table.name in index.unreadable_tables:
        return False
    named: set[str] = set()
    for cells, _ in table.rows():
        match = index.image_names.find(printable(cells[place].replace("\\", "/")), table.folder)
        if match is not None:
            named.add(match.name)
            if len(named) >= MIN_SHARE * len(index.images):
                return True
    return False


def _names_image(index: FileIndex, cell: str) -> bool:
    if not cell:
        return False
    return index.image_names.fits_any(printable(cell.replace("\\", "/")))
