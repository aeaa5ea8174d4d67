from __future__ import annotations

import unicodedata

import pytest

from radiographs.errors import IngestRefused
from radiographs.reading.labels import checked_label


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
