"""The real images beside the checkout: every file is read rightly or refused by name."""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.changed_copies import COMBINED, NAMED
from radiographs.duplicates.descriptor import describe
from radiographs.duplicates.near_duplicates import near_duplicates
from radiographs.errors import IngestRefused
from radiographs.ingest import FolderSource, IngestOptions, run
from radiographs.reading.decoding import decode, read_header
from radiographs.reading.file_tree import FolderTree
from radiographs.reading.layouts import find_images
from radiographs.store.pixel_store import PixelStore

DATA = Path(os.environ.get("SYNTHCXR_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real images (SYNTHCXR_TEST_DATA) are absent"),
]

LEAST_FOUND = {"text box": 54, "any three": 48, "frame, CLAHE and text box": 48}  # of the hardest


def manifest(name):
    with (DATA / name / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["cxr-mixed-raw-sample", "covid19-radiography-raw-sample"])
def test_every_raw_image_is_read_rightly_whatever_its_extension(name):
    rows = manifest(name)
    assert len(rows) in {76, 120}
    for row in rows:
        data = (DATA / name / row["path"]).read_bytes()
        size = int(row["width"]), int(row["height"])
        assert tuple(read_header(data))[:3] == (*size, 8), row["path"]
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
    summary = run(FolderSource(DATA / "covid19-radiography"), destination, IngestOptions(bytes(32)))
    return summary, PixelStore.open(destination)


def test_the_main_set_is_ingested_whole(main_set):
    summary, store = main_set
    counts = {label: count["images"] for label, count in summary.classes.items()}
    assert counts == {"COVID": 727, "Normal": 4659, "Viral Pneumonia": 1038}
    assert summary.dropped == []
    assert store.pixels.shape == (6424, 128, 128)
    for count in summary.classes.values():
        assert 0.15 <= count["test"] / count["images"] < 0.16
        pool = count["included"] + count["holdout"]
        assert 0.30 <= pool / (count["images"] - count["test"]) < 0.31
        assert abs(count["holdout"] - pool / 2) < 2 * np.sqrt(pool)


def test_no_known_near_duplicates_straddle_the_splits_of_the_main_set(main_set):
    _, store = main_set
    split = dict(zip(store.files, store.splits, strict=True))
    splits, sizes = defaultdict(set), Counter()
    for row in manifest("covid19-radiography"):
        if group := row["near_duplicate_group"]:
            splits[group].add(int(split[row["path"]]))
            sizes[group] += 1
    assert sum(size > 1 for size in sizes.values()) == 130
    assert [group for group, theirs in splits.items() if len(theirs) > 1] == []


def test_a_held_out_image_of_the_main_set_is_held_out_at_another_size(tmp_path):
    """One image in twelve."""
    for row in manifest("covid19-radiography")[::12]:
        file = tmp_path / "images" / row["class"] / Path(row["path"]).name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((DATA / "covid19-radiography" / row["path"]).read_bytes())
    stores = []
    for size in (64, 128):
        destination = tmp_path / str(size)
        destination.mkdir()
        options = IngestOptions(bytes(32), image_size=size, ledger=tmp_path / "ledger.npz")
        summary = run(FolderSource(tmp_path / "images"), destination, options)
        stores.append(PixelStore.open(destination))
    assert summary.num_known_images == len(stores[1].files)
    for values in ("splits", "identities"):
        first, second = (
            dict(zip(store.files, getattr(store, values).tolist(), strict=True)) for store in stores
        )
        assert first == second


@pytest.mark.parametrize(
    ("name", "num_images", "code"),
    [
        ("cxr-mixed-raw-sample", 76, "class_too_small"),  # five images of one class
        ("hannover-covid", 198, "single_class"),
    ],
)
def test_a_set_that_is_too_small_is_listed_whole_and_refused_for_that(
    name, num_images, code, tmp_path
):
    listing = find_images(FolderTree(DATA / name))
    assert len(listing.images) == num_images
    assert listing.dropped == []
    with pytest.raises(IngestRefused) as caught:
        run(FolderSource(DATA / name), tmp_path, IngestOptions(bytes(32)))
    assert caught.value.code == code


def test_serial_images_of_a_patient_stay_together_by_the_manifests(tmp_path):
    """Two sets side by side, each with its own manifest, as they are."""
    (tmp_path / "store").mkdir()
    for name in ("hannover-covid", "nih-starter"):
        shutil.copytree(DATA / name, tmp_path / "both" / name)
    summary = run(FolderSource(tmp_path / "both"), tmp_path / "store", IngestOptions(bytes(32)))
    store = PixelStore.open(tmp_path / "store")
    assert summary.num_images_with_patient == len(store.files) == 198 + 264
    assert summary.patient_source == "column patient_id"
    split = dict(zip(store.files, store.splits.tolist(), strict=True))
    splits = defaultdict(set)
    for name in ("hannover-covid", "nih-starter"):
        for row in manifest(name):
            splits[name, row["patient_id"]].add(split[f"{name}/{row['path']}"])
    assert [patient for patient, theirs in splits.items() if len(theirs) > 1] == []


def test_many_small_classes_are_ingested(tmp_path):
    summary = run(FolderSource(DATA / "nih-starter"), tmp_path, IngestOptions(bytes(32)))
    assert len(summary.classes) == 10
    for count in summary.classes.values():
        assert count["test"] >= 0.15 * count["images"]
        assert count["holdout"] >= 1


@pytest.mark.parametrize("kind", [*NAMED, *COMBINED])
def test_changed_copies_of_real_images_are_found(kind, real_images):
    """Of 60 among 600; `benchmarks/near_duplicates.py` measures the rest."""
    pixels, descriptors = real_images
    rng = np.random.default_rng(1)
    change = (NAMED | COMBINED)[kind]
    changed = [change(image, rng).clip(0, 255).round().astype(np.uint8) for image in pixels[:60]]
    copies = np.stack([describe(image) for image in changed])
    found = np.concatenate(
        [step.pairs for step in near_duplicates(np.concatenate([copies, descriptors]), 60)]
    )
    assert sum([k, 60 + k] in found.tolist() for k in range(60)) >= LEAST_FOUND.get(kind, 57)


@pytest.fixture(scope="module")
def real_images():
    """One image in ten, in an order of their own."""
    rows = manifest("covid19-radiography")[::10][:600]
    rows = [rows[k] for k in np.random.default_rng(0).permutation(len(rows))]
    files = [DATA / "covid19-radiography" / row["path"] for row in rows]
    pixels = [decode(file.read_bytes()) for file in files]
    return [x.astype(np.float32) for x in pixels], np.stack([describe(x) for x in pixels])
