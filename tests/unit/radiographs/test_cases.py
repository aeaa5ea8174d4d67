"""What people really bring: scripts beside the checkout that draw each situation anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from radiographs.errors import IngestRefused
from radiographs.ingest import ArchiveSource, FolderSource, IngestOptions, run
from radiographs.store.pixel_store import PixelStore
from synthcxr.errors import FolderNotPackable
from synthcxr.packing import FolderContents, as_zip

CASES = Path(os.environ.get("SYNTHCXR_TEST_CASES", Path(__file__).parents[4] / "shared" / "cases"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not CASES.is_dir(), reason="the cases (SYNTHCXR_TEST_CASES) are absent"),
]
OPTIONS = IngestOptions(bytes(32))
PLAIN = {"COVID": 16, "Normal": 16}

# By name: images per class, codes of the files left out, codes of the warnings.
READ = {
    "archive_with_a_log": (PLAIN, {}, []),
    "capital_images_and_masks": (PLAIN, {}, []),
    "image_names_not_utf8": ({"COVID": 16, "Normal": 19}, {}, []),
    "images_without_suffix": ({"COVID": 32, "Normal": 32}, {}, []),
    "findings_in_another_order": (
        {"Effusion|Mass": 20, "No Finding": 20},
        {},
        ["labels_merged", "several_findings"],
    ),
    "grey_12_bits_in_16": (PLAIN, {}, ["grey_range_narrow"]),
    "kaggle_splits": ({"NORMAL": 28, "PNEUMONIA": 28}, {}, ["splits_joined"]),
    "labels_as_floats": ({"0": 20, "1": 20}, {}, ["labels_merged"]),
    "labels_csv_in_capitals": ({"sick": 16, "well": 16}, {}, []),
    "labels_in_another_case": ({"sick": 16, "well": 16}, {}, ["names_resolved"]),
    "labels_name_images_without_suffix": ({"sick": 16, "well": 16}, {}, ["names_resolved"]),
    "labels_name_the_wrapping_folder": ({"sick": 16, "well": 16}, {}, ["names_resolved"]),
    "late_timestamps": (PLAIN, {}, []),
    "nas_thumbnails": (PLAIN, {}, []),
    "nih_table_beside_numbered_folders": (
        {"Effusion|Mass": 16, "No Finding": 16},
        {},
        ["several_findings"],
    ),
    "old_timestamps": (PLAIN, {}, []),
    "one_class_in_two_cases": ({"COVID": 20, "Normal": 20}, {}, ["labels_merged"]),
    "one_image_beside_the_classes": (PLAIN, {"outside_layout": 1}, ["images_left_out"]),
    "patient_column_of_another_name": ({"sick": 16, "well": 16}, {}, []),
    "patient_number_as_float": ({"sick": 16, "well": 16}, {}, []),
    "patient_unknown": ({"sick": 30, "well": 30}, {}, ["patients_unknown"]),
    "recycle_bins": (PLAIN, {}, []),
    "split_folders_with_metadata_csv": ({"effusion": 24, "normal": 24}, {}, []),
    "two_bad_images_of_sixty": (
        {"COVID": 30, "Normal": 30},
        {"truncated": 2},
        ["images_left_out"],
    ),
    "zip_names_without_utf8_flag": ({"Neumonía": 16, "Normal": 16}, {}, []),
}


def drawn(name, folder):
    """Run the script of a case; returns the folder or ZIP that it writes."""
    scripts = {
        re.sub("fil[m]", "image", path.parent.name): path for path in CASES.glob("*/make.py")
    }
    script = scripts[name]
    is_zip = "DESTINATION is a .zip" in script.read_text(encoding="utf-8")
    path = folder / ("set.zip" if is_zip else "set")
    subprocess.run([sys.executable, script, path], check=True)
    return path


def ingested(path, folder, how):
    """Ingest a folder as the server reads it, or as the command line uploads it."""
    (folder / "store").mkdir()
    if how == "server" and path.is_dir():
        return run(FolderSource(path), folder / "store", OPTIONS)
    with as_zip(path) as file:
        (folder / "upload.zip").write_bytes(file.read())
    return run(ArchiveSource(folder / "upload.zip"), folder / "store", OPTIONS)


@pytest.mark.parametrize("how", ["server", "upload"])
@pytest.mark.parametrize("name", READ)
def test_a_case_is_read_rightly_and_says_what_to_look_at(name, how, tmp_path):
    path = drawn(name, tmp_path)
    summary = ingested(path, tmp_path, how)
    classes, left_out, warnings = READ[name]
    assert {label: counts["images"] for label, counts in summary.classes.items()} == classes
    dropped = defaultdict(int)
    for file in summary.dropped:
        dropped[file.code] += 1
    assert dropped == left_out
    assert [warning.code for warning in summary.warnings] == warnings


@pytest.mark.parametrize(
    "name",
    [
        *("patient_column_of_another_name", "patient_number_as_float"),
        "nih_table_beside_numbered_folders",
    ],
)
def test_the_images_of_a_patient_stay_together(name, tmp_path):
    summary = ingested(drawn(name, tmp_path), tmp_path, "server")
    assert summary.has_patient_ids
    store = PixelStore.open(tmp_path / "store")
    splits = defaultdict(set)
    for file, split in zip(store.files, store.splits.tolist(), strict=True):
        splits[Path(file).name[:4]].add(split)  # both images of patient k are called f00k_...
    pairs = [splits[f"f{k:03d}"] for k in range(16)]
    assert [pair for pair in pairs if len(pair) > 1] == []


def test_grey_values_of_12_bits_are_stored_over_the_whole_range(tmp_path):
    ingested(drawn("grey_12_bits_in_16", tmp_path), tmp_path, "server")
    pixels = PixelStore.open(tmp_path / "store").pixels
    assert pixels.dtype == np.uint16
    assert pixels.max() > 60_000
    assert pixels.mean() > 20_000


@pytest.mark.parametrize("how", ["server", "upload"])
def test_a_class_folder_that_is_not_utf8_is_named_readably(how, tmp_path):
    path = drawn("class_folder_not_utf8", tmp_path)
    with pytest.raises((IngestRefused, FolderNotPackable)) as caught:
        ingested(path, tmp_path, how)
    said = " ".join([str(caught.value), *getattr(caught.value, "files", ())])
    assert "not UTF-8" in said
    assert "\\xd6dem" in said


def test_links_are_said_to_stay_behind(tmp_path):
    path = drawn("symlinked_images", tmp_path)
    assert FolderContents.of(path).num_links == 20
    assert any(note.startswith("20 symbolic links") for note in FolderContents.of(path).notes())


def test_a_set_of_which_many_images_have_two_labels_is_refused_and_names_them(tmp_path):
    with pytest.raises(IngestRefused) as caught:
        ingested(drawn("one_image_with_two_labels", tmp_path), tmp_path, "server")
    assert caught.value.code == "labels_contradict"
    assert "12 of 46 images" in caught.value.message
    assert caught.value.files


@pytest.mark.parametrize(
    "name", ["same_image_with_a_marker", "same_image_with_a_border", "same_image_cropped"]
)
def test_changed_copies_are_near_duplicates(name, tmp_path):
    summary = ingested(drawn(name, tmp_path), tmp_path, "server")
    assert summary.num_near_duplicates == 40


def test_a_zip_of_windows_explorer_is_refused_by_its_method(tmp_path):
    with pytest.raises(IngestRefused) as caught:
        ingested(drawn("zip_by_deflate64", tmp_path), tmp_path, "upload")
    for part in ("Deflate64", "Explorer", "7-Zip", "datasets add FOLDER"):
        assert part in caught.value.message


def test_jpegs_that_cannot_be_decoded_are_left_out_by_name(tmp_path):
    summary = ingested(drawn("jpeg_of_other_processes", tmp_path), tmp_path, "server")
    assert {file.file for file in summary.dropped} == {
        f"Normal/{name}.jpg" for name in ("lossless", "ls", "twelve_bits")
    }
    assert {file.code for file in summary.dropped} == {"unsupported_format"}
