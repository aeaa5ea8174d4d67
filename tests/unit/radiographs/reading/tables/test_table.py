from __future__ import annotations

import gzip
import io

import openpyxl
import pytest

from radiographs.errors import IngestRefused
from radiographs.reading.tables.table import Table
from tests.unit.radiographs.reading.tables.memory_tree import MemoryTree


def opened(name, data):
    return Table.open(MemoryTree({name: data}), name)


def cells(table):
    return [row.cells for row in table.rows()]


def workbook(rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


CSV = b"file,label\n1.png,a\n2.png,b\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", CSV),
        ("t.csv", CSV.replace(b",", b";")),
        ("t.tsv", CSV.replace(b",", b"\t")),
        ("t.csv", b"sep=|\r\n" + CSV.replace(b",", b"|")),
        ("t.csv", CSV.replace(b"\n", b"\r\n")),
        ("t.csv", CSV.replace(b"\n", b"\r")),
        ("t.csv", b"\xef\xbb\xbf" + CSV),
        ("t.csv", CSV.decode().encode("utf-16")),
        ("t.csv.gz", gzip.compress(CSV, mtime=0)),
        ("t.jsonl", b'{"file": "1.png", "label": "a"}\n\n{"label": "b", "file": "2.png"}\n'),
        ("t.XLSX", workbook([("file", "label"), ("1.png", "a"), (None, None), ("2.png", "b")])),
    ],
)
def test_a_table_of_any_usual_format_is_read(name, data):
    table = opened(name, data)
    assert table.columns == ("file", "label")
    assert cells(table) == [["1.png", "a"], ["2.png", "b"]]


def test_numbers_of_a_workbook_are_read_as_people_see_them():
    data = workbook([("file", "patient"), ("1.png", 3.0), ("2.png", 4), ("3.png", 1.5)])
    assert [row[1] for row in cells(opened("t.xlsx", data))] == ["3", "4", "1.5"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv.gz", b"no gzip"),
        ("t.csv.gz", gzip.compress(CSV, mtime=0)[:-12]),
        ("t.jsonl", b"[1]\n"),
        ("t.jsonl", b"{"),
        ("t.jsonl", b"[" * 100_000),
        ("t.xlsx", b"PK no workbook"),
        ("t.csv", b",".join([b"x"] * 1001)),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_without_a_name_in_the_message(name, data):
    with pytest.raises(IngestRefused) as caught:
        cells(opened(name, data))
    assert caught.value.code == "labels_invalid"
    assert name not in caught.value.message
    assert name in caught.value.files[0]


def test_a_million_rows_are_read_one_by_one():
    """Each row is gone before the next: the process of this test may take 64 MB more, no more."""
    import tracemalloc

    table = opened("t.csv", b"file,label\n" + b"".join(b"%d.png,a\n" % k for k in range(200_000)))
    tracemalloc.start()
    assert sum(1 for _ in table.rows()) == 200_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20
