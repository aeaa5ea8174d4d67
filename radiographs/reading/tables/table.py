"""Tables of any of the usual formats, row by row: a table of a million rows is never held whole.

CSV (UTF-8 or UTF-16; commas, semicolons, tabs or bars), the same under gzip, JSON lines, XLSX.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.reading.file_tree import FileTree

MAX_TABLE_BYTES = 1 << 30  # unpacked
MAX_ROWS = 5_000_000
MAX_COLUMNS = 1000
_ROWS_LOOKED_AT = 2000  # where it is only asked what a column holds
_MAX_XLSX_BYTES = 256 << 20  # unpacked; its shared texts are held in memory
_LONGEST_LINE = 1 << 20
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class Row(NamedTuple):
    """A row of a table.

    Args:
        cells: As many as there are columns, without blanks around them.
        line: Where it begins, from 1.
    """

    cells: list[str]
    line: int


@dataclass(frozen=True)
class Table:
    """A table whose columns are known.

    Args:
        tree: Where it lies.
        name: Its path there.
        columns: Their names as they are spelt.
    """

    tree: FileTree
    name: str
    columns: tuple[str, ...]

    @classmethod
    def open(cls, tree: FileTree, name: str) -> Table:
        """Read the names of a table's columns.

        Raises:
            IngestRefused: labels_invalid, naming the line and quoting no cell.
        """
        first = next(_rows(tree, name), Row([], 1))
        if len(first.cells) > MAX_COLUMNS:
            problem = f"it has {len(first.cells)} columns and {MAX_COLUMNS} are allowed"
            raise invalid(name, 1, problem)
        return cls(tree, name, tuple(first.cells))

    @property
    def folder(self) -> str:
        """The folder that it lies in, with a slash; empty for the root."""
        return self.name[: len(self.name) - len(base_name(self.name))]

    def rows(self) -> Iterator[Row]:
        """Read the rows below the header; blank ones are passed over.

        Raises:
            IngestRefused: labels_invalid.
        """
        rows = _rows(self.tree, self.name)
        next(rows, None)
        num_columns = len(self.columns)
        for number, row in enumerate(rows):
            if number >= MAX_ROWS:
                raise invalid(self.name, row.line, f"there are more than {MAX_ROWS:,} rows")
            if len(row.cells) != num_columns:
                problem = f"it has {len(row.cells)} cells and the header {num_columns}"
                raise invalid(self.name, row.line, problem)
            yield row

    def first_rows(self, *, strict: bool = False) -> Iterator[Row]:
        """Read the first rows; where one is damaged they end, or with `strict` it is refused."""
        try:
            yield from islice(self.rows(), _ROWS_LOOKED_AT)
        except IngestRefused:
            if strict:
                raise


def base_name(name: str) -> str:
    """Return a path's last part."""
    return name.rpartition("/")[2]


def called(name: str) -> str:
    """Return what a table is called in messages, which name no file but labels.csv."""
    return "labels.csv" if base_name(name).lower() == "labels.csv" else "the table"


def invalid(name: str, line: int, problem: str) -> IngestRefused:
    """Refuse a table for what stands on a line."""
    of_ours = called(name) == "labels.csv"
    return IngestRefused(
        "labels_invalid",
        f"{called(name)}, line {line}: {problem}. Expected "
        f"{'UTF-8 rows file,label[,patient_id]' if of_ours else 'UTF-8 rows'} under a header.",
        [] if of_ours else [name],
    )


def _rows(tree: FileTree, name: str) -> Iterator[Row]:
    lower = name.lower()
    try:
        if tree.num_bytes(name) > MAX_TABLE_BYTES:
            raise invalid(name, 1, f"it has more than {MAX_TABLE_BYTES:,} bytes")
        if lower.endswith(".xlsx"):
            yield from _of_workbook(tree, name)
            return
        with tree.stream(name) as file:
            unpacked: Any = gzip.GzipFile(fileobj=file) if lower.endswith(".gz") else file
            lines = _lines(unpacked, name)
            yield from _of_json(lines, name) if ".jsonl" in lower else _of_csv(lines, name)
    except (UnreadableImage, OSError, EOFError, zlib.error, zipfile.BadZipFile) as problem:
        reason = problem.reason if isinstance(problem, UnreadableImage) else "It is damaged."
        raise IngestRefused(
            "labels_invalid",
            f"{called(name)} cannot be read. {reason}",
            [] if called(name) == "labels.csv" else [name],
        ) from problem


def _lines(file: BinaryIO, name: str) -> Iterator[str]:
    """Decode a file line by line, each with its end, whatever that is."""
    start = file.read(2)
    if start in {b"\xff\xfe", b"\xfe\xff"}:
        encoding = "utf-16-le" if start == b"\xff\xfe" else "utf-16-be"
        with io.TextIOWrapper(file, encoding, newline="", errors="replace") as decoded:
            yield from decoded
        return
    num_bytes = number = 0
    line = start + file.readline(_LONGEST_LINE)
    while line:
        num_bytes += len(line)
        if len(line) >= _LONGEST_LINE or num_bytes > MAX_TABLE_BYTES:
            raise invalid(name, number + 1, "the line, or the whole, is too long")
        try:
            text = line.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError as error:
            before = len(_LINES.findall(line[: error.start].decode("latin-1") + "x")) - 1
            raise invalid(name, number + 1 + before, "it is not UTF-8") from error
        for part in _LINES.findall(text):
            number += 1
            yield part
        line = file.readline(_LONGEST_LINE)


def _of_csv(lines: Iterator[str], name: str) -> Iterator[Row]:
    first = next(lines, "")
    skipped = 0
    if first.lower().startswith("sep=") and len(first.strip()) == len("sep=") + 1:
        delimiter, first, skipped = first[4], next(lines, ""), 1
    else:
        delimiter = max(",;\t|", key=first.count) if first else ","
    reader = csv.reader(_and_then(first, lines), strict=True, delimiter=delimiter)
    try:
        for cells in reader:
            if any(cells):
                yield Row([cell.strip() for cell in cells], reader.line_num + skipped)
    except csv.Error as error:
        raise invalid(name, reader.line_num + skipped, str(error)) from error


def _and_then(first: str, lines: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from lines


def _of_json(lines: Iterator[str], name: str) -> Iterator[Row]:
    columns: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise invalid(name, number, "it is no JSON") from error
        if not isinstance(values, dict):
            raise invalid(name, number, "it is no JSON object")
        if not columns:
            columns = list(values)
            yield Row(columns, number)
        elif not set(values) <= set(columns):
            problem = "it has keys that the first line lacks; write them there, as null"
            raise invalid(name, number, problem)
        yield Row([_text(values.get(column)) for column in columns], number)


def _of_workbook(tree: FileTree, name: str) -> Iterator[Row]:
    import openpyxl  # takes a while, and few sets have one

    data = tree.read(name)
    try:
        _check_workbook(data, name)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            row = [_text(cell) for cell in cells]
            if any(row):
                yield Row(row, number)
    except IngestRefused:
        raise
    except Exception as error:  # whatever a reader raises for a file is that file's fault
        raise invalid(name, 1, "it is no workbook that can be read") from error


def _check_workbook(data: bytes, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())
    if unpacked > _MAX_XLSX_BYTES:
        raise invalid(name, 1, f"it would unpack to {unpacked:,} bytes")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "|".join(_text(each) for each in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
