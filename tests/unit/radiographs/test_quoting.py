from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiographs.quoting import printable, quoted

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller 肺炎.png", "Müller 肺炎.png"),
        ("M\udcfcller", "M\\xfcller"),
        ("a\nb\x7f\x9f", "a\\u000ab\\u007f\\u009f"),
        ("gnp\u202e", "gnp\\u202e"),
        ("back\\slash", "back\\\\slash"),
        ("\ud800 \U000e0001", "\\ud800 \\U000e0001"),
    ],
)
def test_what_cannot_be_shown_is_written_out(text, shown):
    assert printable(text) == shown


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_becomes_printable_and_different_texts_stay_different(one, other):
    assert printable(one).isprintable()
    printable(one).encode()
    assert (printable(one) == printable(other)) == (one == other)


@given(ANY_TEXT)
def test_a_quotation_is_at_most_eighty_characters(text):
    assert len(quoted(text * 7)) <= 80
    assert quoted(text).isprintable()


def test_a_long_name_keeps_both_its_ends():
    shown = quoted("first" + "x" * 1000 + "last.png")
    assert shown.startswith("first")
    assert shown.endswith("last.png")
    assert len(shown) == 80
