"""Copies of one radiograph with different labels: none of them is used, and all are named."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from radiographs.errors import IngestRefused
from radiographs.ingest import FolderSource, IngestOptions, run
from radiographs.store.pixel_store import PixelStore

OPTIONS = IngestOptions(bytes(range(32)))


@pytest.fixture
def stored(folder_of, tmp_path):
    """Ingest files as another dataset of the same service."""
    count = iter(range(100))

    def store(files):
        number = next(count)
        destination = tmp_path / f"store{number}"
        destination.mkdir()
        options = IngestOptions(bytes(range(32)), ledger=tmp_path / "identities.npz")
        summary = run(FolderSource(folder_of(files, f"set{number}")), destination, options)
        return PixelStore.open(destination), summary

    return store


def changed(data, change, encoded):
    return encoded(change(np.asarray(Image.open(io.BytesIO(data)))))


def marked(pixels):
    pixels = pixels.copy()
    pixels[5:10, 50:60] = 255
    return pixels


COPIES = {
    "equal": lambda pixels: pixels,
    "marked": marked,
    "framed": lambda pixels: np.pad(pixels, 4),
    "mirrored": lambda pixels: pixels[:, ::-1],
    "inverted": lambda pixels: 255 - pixels,
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_copies_with_different_labels_are_left_out_and_named(stored, two_classes, encoded, change):
    two_classes["Sick/copy.png"] = changed(two_classes["Normal/07.png"], change, encoded)
    store, summary = stored(two_classes)
    assert {file.file: file.code for file in summary.dropped} == {
        "Normal/07.png": "labels_contradict",
        "Sick/copy.png": "labels_contradict",
    }
    assert sorted(store.files) == sorted(two_classes.keys() - {"Normal/07.png", "Sick/copy.png"})
    assert len(store.pixels) == len(store.labels) == len(store.groups) == 39
    warnings = {warning.code: warning for warning in summary.warnings}
    assert warnings["copies_contradict"].num_images == 2
    assert "07" not in warnings["copies_contradict"].detail
    for name, pixels in zip(store.files, store.pixels, strict=True):
        np.testing.assert_array_equal(pixels, np.asarray(Image.open(io.BytesIO(two_classes[name]))))


def test_all_copies_of_a_radiograph_are_left_out_where_one_contradicts(stored, two_classes):
    two_classes["Normal/again.png"] = two_classes["Normal/03.png"]
    two_classes["Sick/copy.png"] = two_classes["Normal/03.png"]
    _, summary = stored(two_classes)
    dropped = {file.file for file in summary.dropped}
    assert dropped == {"Normal/03.png", "Normal/again.png", "Sick/copy.png"}


def test_copies_of_one_label_contradict_nothing(stored, two_classes, encoded):
    two_classes["Sick/copy.png"] = changed(two_classes["Sick/07.png"], marked, encoded)
    store, summary = stored(two_classes)
    assert summary.dropped == []
    assert summary.warnings == []
    assert len(store.files) == 41


def test_what_is_left_out_is_not_remembered_and_contradicts_in_the_next_dataset_again(
    stored, two_classes, encoded
):
    wrong = {"Sick/copy.png": changed(two_classes["Normal/07.png"], marked, encoded)}
    first, summary = stored(two_classes | wrong)
    again, same = stored(two_classes | wrong)
    assert [file.file for file in same.dropped] == [file.file for file in summary.dropped]
    assert same.num_known_images == 39
    right, _ = stored(two_classes)
    for store in (again, right):
        splits = dict(zip(store.files, store.splits, strict=True))
        assert all(
            splits[name] == split for name, split in zip(first.files, first.splits, strict=True)
        )


def test_an_image_that_contradicts_one_of_an_earlier_dataset_alone_is_kept(
    stored, two_classes, encoded
):
    stored(two_classes)
    another = {
        name.replace("Sick", "Unwell"): changed(data, marked, encoded)
        for name, data in two_classes.items()
    }
    _, summary = stored(another)
    assert summary.dropped == []
    assert summary.num_known_images == 40


@pytest.mark.parametrize("num_copies", [3, 20])
def test_many_contradictions_refuse_the_set(folder_of, two_classes, destination, num_copies):
    for k in range(num_copies):
        two_classes[f"Sick/copy{k}.png"] = two_classes[f"Normal/{k:02d}.png"]
    with pytest.raises(IngestRefused) as caught:
        run(FolderSource(folder_of(two_classes)), destination, OPTIONS)
    assert caught.value.code == "labels_contradict"
    assert f"{2 * num_copies} of {40 + num_copies} images" in caught.value.message
    assert "copy0" not in caught.value.message
    assert caught.value.files


def test_a_class_that_would_become_too_small_refuses_the_set(folder_of, two_classes, destination):
    few = {name: data for name, data in two_classes.items() if name < "Sick/08"}
    few["Normal/copy.png"] = few["Sick/00.png"]
    with pytest.raises(IngestRefused) as caught:
        run(FolderSource(folder_of(few)), destination, OPTIONS)
    assert caught.value.code == "labels_contradict"
