from __future__ import annotations

import json

import numpy as np
import pytest

from radiographs.splits.split import Split
from radiographs.store.image_table import ImageTable
from radiographs.store.pixel_store import PixelStore, write_store


@pytest.fixture(params=[np.uint8, np.uint16])
def pixels(request):
    rng = np.random.default_rng(0)
    top = np.iinfo(request.param).max
    return rng.integers(0, top, (600, 32, 32), dtype=request.param, endpoint=True)


@pytest.fixture
def table():
    return ImageTable(
        classes=("肺炎", "sick"),
        labels=np.arange(600) % 2,
        splits=(np.arange(600) // 2 % 10).clip(max=3).astype(np.int8)[::-1],
        groups=np.arange(600) // 2,
        identities=np.arange(600, dtype=np.uint64) // 2 + 2**63,
        files=tuple(f"{k}.png" for k in range(600)),
        fingerprint="f" * 64,
        version="a" * 64,
    )


@pytest.fixture
def store(pixels, table, destination):
    assert list(write_store(destination, pixels, np.arange(600), table)) == [256, 512, 600]
    return PixelStore.open(destination)


def test_what_is_written_is_read(store, pixels, table):
    np.testing.assert_array_equal(store.pixels, pixels)
    np.testing.assert_array_equal(store.labels, table.labels)
    np.testing.assert_array_equal(store.splits, table.splits)
    np.testing.assert_array_equal(store.groups, table.groups)
    np.testing.assert_array_equal(store.identities, table.identities)
    assert store.identities.dtype == np.uint64
    assert (store.classes, store.files) == (table.classes, table.files)
    assert (store.image_size, store.bit_depth) == (32, pixels.dtype.itemsize * 8)
    assert (store.fingerprint, store.version) == (table.fingerprint, table.version)


def test_pixels_are_mapped_and_cannot_be_written(store):
    assert isinstance(store.pixels, np.memmap)
    assert not store.pixels.flags.writeable


def test_pixels_are_written_in_the_order_that_is_given(pixels, table, destination):
    order = np.random.default_rng(1).permutation(600)
    list(write_store(destination, pixels, order, table))
    np.testing.assert_array_equal(PixelStore.open(destination).pixels, pixels[order])


def test_each_image_is_on_one_side(store, pixels):
    training = store.training()
    trained = (store.splits == Split.TRAIN) | (store.splits == Split.INCLUDED)
    np.testing.assert_array_equal(store.trained, trained)
    np.testing.assert_array_equal(training.pixels, pixels[trained])
    assert len(training.labels) == 120


def test_images_of_some_splits_come_with_their_groups_and_splits_and_8_bits_deep(store, pixels):
    images = store.images_of(Split.TRAIN, Split.INCLUDED, size=16)
    chosen = np.flatnonzero(np.isin(store.splits, [Split.TRAIN, Split.INCLUDED]))
    assert images.pixels.dtype == np.uint8
    assert images.pixels.shape == (120, 16, 16)
    np.testing.assert_array_equal(images.labels, store.labels[chosen])
    np.testing.assert_array_equal(images.groups, store.groups[chosen])
    np.testing.assert_array_equal(images.splits, store.splits[chosen])
    blocks = pixels[chosen].reshape(120, 16, 2, 16, 2).mean(axis=(2, 4))
    grey = blocks * 255 / np.iinfo(pixels.dtype).max
    assert abs(images.pixels - grey).max() < 0.51
    assert len(store.images_of(Split.TEST).labels) == 420


def test_a_smaller_size_is_the_rounded_mean_of_each_block(store, pixels):
    means = pixels[store.trained].reshape(120, 8, 4, 8, 4).mean(axis=(2, 4))
    smaller = store.training(8).pixels
    assert smaller.dtype == pixels.dtype
    np.testing.assert_array_equal(smaller, np.floor(means + 0.5))


@pytest.mark.parametrize("size", [0, -32, 24, 64])
def test_a_size_that_cannot_be_had_is_refused(store, size):
    with pytest.raises(ValueError, match="must divide 32"):
        store.training(size)


def test_counts_stand_in_the_record(store, destination):
    about = json.loads((destination / "store.json").read_text(encoding="utf-8"))
    assert about["counts"]["肺炎"] == {
        "images": 300,
        "train": 60,
        "included": 30,
        "holdout": 30,
        "test": 210,
    }


def test_a_folder_without_a_store_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"store\.json is missing"):
        PixelStore.open(tmp_path)


def test_a_store_of_another_format_is_refused(store, destination):
    about = json.loads((destination / "store.json").read_text(encoding="utf-8"))
    (destination / "store.json").write_text(json.dumps({**about, "format": 99}))
    with pytest.raises(ValueError, match="99"):
        PixelStore.open(destination)
