from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from synthcxr.contact_sheet import GAP, LABEL_HEIGHT, MIN_TILE_PIXELS, write_contact_sheet
from synthcxr.errors import MissingPackage
from synthcxr.verification import verify_set


def test_a_sheet_shows_the_sets_own_pixels_one_row_per_class(make_set, tmp_path: Path) -> None:
    verified = verify_set(make_set(size=32))
    sheet = tmp_path / "out" / "sheet.png"
    write_contact_sheet(verified, sheet)
    with Image.open(sheet) as image:
        assert image.width == 3 * (MIN_TILE_PIXELS + GAP) + GAP
        row_height = LABEL_HEIGHT + MIN_TILE_PIXELS + GAP
        assert image.height == 2 * row_height + GAP
        for row in range(2):
            for column in range(3):
                x = GAP + column * (MIN_TILE_PIXELS + GAP) + 5
                y = GAP + row * row_height + LABEL_HEIGHT + 5
                assert image.getpixel((x, y)) == 10 * column


def test_a_mixture_has_a_row_of_its_own(make_set, tmp_path: Path) -> None:
    mixture = {
        "path": "unlabelled/mixtures/000006.png",
        "kind": "mixture",
        "weights": {"COVID": 0.6, "Normal": 0.4},
    }
    sheet = tmp_path / "sheet.png"
    write_contact_sheet(verify_set(make_set(size=32, unlabelled=[mixture])), sheet)
    with Image.open(sheet) as image:
        assert image.height == 3 * (LABEL_HEIGHT + MIN_TILE_PIXELS + GAP) + GAP


def test_without_pillow_the_message_says_what_to_install(make_set, tmp_path, monkeypatch) -> None:
    verified = verify_set(make_set())
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingPackage, match="pip install pillow"):
        write_contact_sheet(verified, tmp_path / "sheet.png")
