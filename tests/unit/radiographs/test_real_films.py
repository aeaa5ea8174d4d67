"""The real films beside the checkout: every file is read rightly or refused by name."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radiographs.decoding import decode, read_header
from radiographs.ingest import FolderSource, run
from radiographs.pixel_store import PixelStore

DATA = Path(os.environ.get("SYNTHCXR_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real films (SYNTHCXR_TEST_DATA) are absent"),
]


def manifest(name):
    with (DATA / name / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["cxr-mixed-raw-sample", "covid19-radiography-raw-sample"])
def test_every_raw_film_is_read_rightly_whatever_its_extension(name):
    rows = manifest(name)
    assert len(rows) in {76, 120}
    for row in rows:
        data = (DATA / name / row["path"]).read_bytes()
        size = int(row["width"]), int(row["height"])
        assert tuple(read_header(data)) == (*size, 8), row["path"]
        pixels = decode(data)
        assert pixels.dtype == np.uint8
        with Image.open(DATA / name / row["path"]) as image:
            assert image.format == row["format"]
            if image.mode == "RGBA":
                black = Image.new("RGBA", image.size, (0, 0, 0, 255))
                expected = Image.alpha_composite(black, image).convert("RGB").convert("L")
            else:
                expected = image.convert("L")
        difference = np.abs(pixels.astype(int) - np.asarray(expected))
        assert difference.max() <= 1, row["path"]


@pytest.fixture(scope="module")
def main_set(tmp_path_factory):
    destination = tmp_path_factory.mktemp("store")
    summary = run(FolderSource(DATA / "covid19-radiography"), destination)
    return summary, PixelStore.open(destination)


def test_the_main_set_is_ingested_whole(main_set):
    summary, store = main_set
    counts = {label: count["films"] for label, count in summary.classes.items()}
    assert counts == {"COVID": 727, "Normal": 4659, "Viral Pneumonia": 1038}
    assert summary.dropped == []
    assert store.pixels.shape == (6424, 128, 128)
    for count in summary.classes.values():
        assert 0.15 <= count["held_out"] / count["films"] < 0.16


def test_no_known_near_duplicates_straddle_the_split_of_the_main_set(main_set):
    _, store = main_set
    side = dict(zip(store.files, store.held_out, strict=True))
    sides, sizes = defaultdict(set), Counter()
    for row in manifest("covid19-radiography"):
        if group := row["near_duplicate_group"]:
            sides[group].add(bool(side[row["path"]]))
            sizes[group] += 1
    assert sum(size > 1 for size in sizes.values()) == 130
    assert [group for group, both in sides.items() if len(both) > 1] == []


def test_many_small_classes_are_ingested(tmp_path):
    summary = run(FolderSource(DATA / "nih-starter"), tmp_path)
    assert len(summary.classes) == 10
    for count in summary.classes.values():
        assert count["held_out"] >= 0.15 * count["films"]
