"""VinDr-CXR: image_labels_train.csv and _test.csv beside train/ and test/, or Kaggle's train.csv.

PhysioNet's tables have a column for each finding, Kaggle's a row for each box (class_name). Each
image of the training part was read by three radiologists: a finding is there where most say so.
Patients are not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from radiographs.reading.file_index import FileIndex
from radiographs.reading.file_kinds import plain
from radiographs.reading.labelled_rows import LabelledRow
from radiographs.reading.layouts.public_tables import NO_FINDING, listing_of, rows_of, tables_with
from radiographs.reading.listing import Listing
from radiographs.reading.spellings import joined
from radiographs.reading.tables.table import Table

NAME = "VinDr-CXR"
_OTHERS = {"imageid", "radid", "nofinding"}


def read(index: FileIndex) -> Listing | None:
    """Read VinDr-CXR."""
    wide = tables_with(index, "imageid", "nofinding", "pleuraleffusion")
    if wide:
        return listing_of(index, wide, _rows_of_columns, NAME, None)
    boxes = tables_with(index, "imageid", "classname", "radid")
    return listing_of(index, boxes, _rows_of_boxes, NAME, None) if boxes else None


def _rows_of_columns(table: Table) -> Iterator[LabelledRow]:
    names = {plain(column): column for column in table.columns if plain(column) not in _OTHERS}
    readers: dict[str, int] = defaultdict(int)
    votes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for cells, _ in rows_of(table):
        readers[cells["imageid"]] += 1
        for finding, column in names.items():
            votes[cells["imageid"]][column] += cells[finding] in {"1", "1.0"}
    yield from _voted(readers, votes)


def _rows_of_boxes(table: Table) -> Iterator[LabelledRow]:
    readers: dict[str, set[str]] = defaultdict(set)
    sayings: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for cells, _ in rows_of(table):
        readers[cells["imageid"]].add(cells["radid"])
        sayings[cells["imageid"]][cells["classname"]].add(cells["radid"])
    votes = {
        image: {finding: len(by) for finding, by in said.items() if plain(finding) != "nofinding"}
        for image, said in sayings.items()
    }
    yield from _voted({image: len(by) for image, by in readers.items()}, votes)


def _voted(readers: dict[str, int], votes: dict[str, dict[str, int]]) -> Iterator[LabelledRow]:
    for line, (image, num_readers) in enumerate(readers.items(), start=2):
        there = [finding for finding, number in votes[image].items() if 2 * number > num_readers]
        label = joined([finding.replace("/", "-") for finding in there]) or NO_FINDING
        yield LabelledRow(image, label, None, line)
