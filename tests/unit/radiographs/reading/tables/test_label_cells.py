from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiographs.errors import IngestRefused
from radiographs.reading.tables.label_cells import LabelColumns, labelled_rows
from radiographs.reading.tables.table import Table
from tests.unit.radiographs.reading.tables.memory_tree import MemoryTree


def rows_of(data, name="labels.csv"):
    table = Table.open(MemoryTree({name: data}), name)
    return list(labelled_rows(table, LabelColumns.of(table)))


def test_rows_are_read_with_file_label_and_patient():
    rows = rows_of(b"\xef\xbb\xbffile,label,patient_id\nx/1.png,Normal,p1\n./2.png, Sick ,\n")
    assert [tuple(row)[:4] for row in rows] == [
        ("x/1.png", "Normal", "p1", 2),
        ("2.png", "Sick", None, 3),
    ]


def test_other_columns_and_blank_lines_are_ignored():
    rows = rows_of(b"seed,Label,FILE\r\n1,Normal,a.png\r\n\r\n2,Sick,b.png\r\n")
    assert [(row.file, row.label) for row in rows] == [("a.png", "Normal"), ("b.png", "Sick")]


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"file,label\na.png,x\nb.png\n", 3, "1 cells"),
        (b"file,label\na.png,x,y\n", 2, "3 cells"),
        (b"file,label\na.png,\n", 2, "label"),
        (b"file,label\na.png,x/y\n", 2, "label"),
        (b"file,label\na.png,x\x07\n", 2, "label"),
        (b"file,label\n,x\n", 2, "file"),
        (b"file,label\n..,x\n", 2, "file"),
        (b"file,label\na\0.png,x\n", 2, "file"),
        (b"file,label\na.png,x\n\xff\xfe,y\n", 3, "UTF-8"),
        (b'file,label\n"a.png,x\n', 2, "unexpected end"),
        (b"file,label,File\na.png,x,b.png\n", 1, "twice"),
        (b"file,label\n" + b"a" * (1 << 20) + b",x\n", 2, "too long"),
    ],
)
def test_a_bad_row_is_refused_by_line_and_reason(data, line, reason):
    with pytest.raises(IngestRefused) as caught:
        rows_of(data)
    assert caught.value.code == "labels_invalid"
    assert f"line {line}" in caught.value.message
    assert reason in caught.value.message


@given(st.binary(max_size=300), st.sampled_from(["labels.csv", "labels.jsonl", "labels.csv.gz"]))
def test_any_bytes_are_read_or_refused(data, name):
    with contextlib.suppress(IngestRefused):
        rows_of(data, name)


@pytest.mark.parametrize(
    ("cell", "path"),
    [
        ("C:\\data\\a\\1.png", "data/a/1.png"),
        ("\\\\server\\share\\1.png", "server/share/1.png"),
        ("/mnt/cxr/1.png", "mnt/cxr/1.png"),
        ("../images/1.png", "images/1.png"),
        ("file:///mnt/1.png", "mnt/1.png"),
        ("s3://bucket/1.png", "1.png"),
    ],
)
def test_a_path_of_another_machine_is_read_from_its_first_folder_on(cell, path):
    assert [row.file for row in rows_of(f"file,label\n{cell},x\n".encode())] == [path]


@pytest.mark.parametrize("cell", ["\"['b', 'a']\"", "b|a", '"[""b"", ""a""]"'])
def test_a_list_of_findings_is_one_label(cell):
    (row,) = rows_of(f"file,label\n1.png,{cell}\n".encode())
    assert sorted(row.label.split("|")) == ["a", "b"]
