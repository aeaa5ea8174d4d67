from __future__ import annotations

import contextlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiographs.errors import IngestRefused
from radiographs.reading.labels import checked_label, parse_labels


def test_rows_are_read_with_file_label_and_patient():
    rows = parse_labels(b"\xef\xbb\xbffile,label,patient_id\nx/1.png,Normal,p1\n./2.png, Sick ,\n")
    assert [tuple(row) for row in rows] == [
        ("x/1.png", "Normal", "p1", 2),
        ("2.png", "Sick", None, 3),
    ]


def test_other_columns_and_blank_lines_are_ignored():
    rows = parse_labels(b"seed,Label,FILE\r\n1,Normal,a.png\r\n\r\n2,Sick,b.png\r\n")
    assert [(row.file, row.label) for row in rows] == [("a.png", "Normal"), ("b.png", "Sick")]


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"", 1, "columns"),
        (b"name,label\na.png,x\n", 1, "columns"),
        (b"file,label\n", 1, "no rows"),
        (b"file,label\na.png,x\nb.png\n", 3, "1 cells"),
        (b"file,label\na.png,x,y\n", 2, "3 cells"),
        (b"file,label\na.png,\n", 2, "label"),
        (b"file,label\na.png,x/y\n", 2, "label"),
        (b"file,label\na.png,x\x07\n", 2, "label"),
        (b"file,label\n,x\n", 2, "file"),
        (b"file,label\n../a.png,x\n", 2, "file"),
        (b"file,label\n/a.png,x\n", 2, "file"),
        (b"file,label\na.png,x\na.png,y\n", 3, "line 2"),
        (b"file,label\na.png,x\n\xff\xfe,y\n", 3, "UTF-8"),
        (b'file,label\n"a.png,x\n', 2, "unexpected end"),
    ],
)
def test_a_bad_row_is_refused_by_line_and_reason(data, line, reason):
    with pytest.raises(IngestRefused) as caught:
        parse_labels(data)
    assert caught.value.code == "labels_invalid"
    assert f"line {line}" in caught.value.message
    assert reason in caught.value.message


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(IngestRefused):
        assert parse_labels(data)


@pytest.mark.parametrize("label", ["COVID", "Viral Pneumonia", "Épanchement", "肺炎", "x" * 64])
def test_a_printable_label_is_kept(label):
    assert checked_label(label, "here") == label


def test_two_spellings_of_one_accent_are_one_label():
    decomposed = unicodedata.normalize("NFD", "Épanchement")
    assert checked_label(decomposed, "here") == "Épanchement"


@pytest.mark.parametrize("label", ["", " ", ".", "..", "a/b", "a\\b", "a\nb", "a\u202eb", "x" * 65])
def test_a_label_that_would_hurt_elsewhere_is_refused(label):
    with pytest.raises(IngestRefused, match="here"):
        checked_label(label, "here")
