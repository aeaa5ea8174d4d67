from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from radiographs.errors import IngestRefused
from radiographs.ingest import ArchiveSource, IngestOptions, run
from radiographs.warnings import MEANINGS, IngestWarning

OPTIONS = IngestOptions(bytes(range(32)))
DOCUMENTS = [Path(__file__).parents[3] / "docs" / name for name in ("datasets.md", "formats.md")]


def test_the_documents_list_every_code_with_its_meaning():
    text = "".join(each.read_text(encoding="utf-8") for each in DOCUMENTS)
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    assert {code: meaning for code, meaning in rows if code in MEANINGS} == MEANINGS


def test_a_warning_has_one_of_the_codes():
    with pytest.raises(ValueError, match="surprise"):
        IngestWarning("surprise", "Something.", 1)


def test_a_file_that_was_left_out_is_a_warning(zip_of, two_classes, destination):
    two_classes["Sick/03.png"] = two_classes["Sick/03.png"][:200]
    summary = run(ArchiveSource(zip_of(two_classes)), destination, OPTIONS)
    assert summary.warnings == [IngestWarning("images_left_out", "Left out: 1 truncated.", 1)]


def test_strict_refuses_a_set_for_any_warning_and_keeps_nothing_of_its_patients(
    zip_of, two_classes, destination, tmp_path
):
    options = replace(OPTIONS, strict=True, ledger=tmp_path / "ledger.npz")
    good = ArchiveSource(zip_of(two_classes, "good.zip"))
    two_classes["Sick/03.png"] = b""
    with pytest.raises(IngestRefused) as caught:
        run(ArchiveSource(zip_of(two_classes)), destination, options)
    assert caught.value.code == "warnings_refused"
    assert "images_left_out" in caught.value.message
    assert "03.png" not in caught.value.message
    assert not options.ledger.exists()
    assert run(good, destination, options).warnings == []
