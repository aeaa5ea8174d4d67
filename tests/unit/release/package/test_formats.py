"""The same images for other readers."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from release.package.formats import webdataset
from release.package.writer import FORMATS, write_package
from release.sample_spec import ClassSample
from service.domain.requests import SetFormat


def test_a_request_can_ask_for_every_format() -> None:
    assert set(get_args(SetFormat)) == {"png", *FORMATS}


def test_the_numpy_file_holds_the_images_of_classes_under_the_keys_of_medmnist(
    write, images
) -> None:
    with zipfile.ZipFile(write(formats=frozenset({"npz"}))) as archive:
        data = np.load(io.BytesIO(archive.read("npz/radiographs.npz")), allow_pickle=False)
    assert np.array_equal(data["train_images"], [pixels for pixels, _ in images[:6]])
    assert data["train_images"].dtype == np.uint8
    assert data["train_labels"].tolist() == [[0]] * 3 + [[1]] * 3
    assert data["classes"].tolist() == ["COVID", "Viral Pneumonia"]


def test_a_set_of_mixtures_alone_has_an_empty_numpy_file_and_no_shard(
    images, contents, tmp_path
) -> None:
    chosen = replace(contents, formats=frozenset({"npz", "webdataset"}))
    write_package(tmp_path / "set.zip", images[6:], chosen)
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        data = np.load(io.BytesIO(archive.read("npz/radiographs.npz")))
        assert len(data["train_images"]) == len(data["train_labels"]) == 0
        assert not any(name.startswith("wds/") for name in archive.namelist())


@pytest.mark.parametrize("num_images", [3, 4, 5])
def test_shards_hold_png_class_and_json_of_every_image(
    tmp_path, contents, monkeypatch, num_images
) -> None:
    monkeypatch.setattr(webdataset, "IMAGES_PER_SHARD", 2)
    rng = np.random.default_rng(0)
    images = [
        (rng.integers(0, 256, (8, 8), np.uint8), ClassSample("Viral Pneumonia", k))
        for k in range(num_images)
    ]
    write_package(
        tmp_path / "set.zip", images, replace(contents, formats=frozenset({"webdataset"}))
    )
    found = {}
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        shards = [name for name in archive.namelist() if name.startswith("wds/")]
        for shard in shards:
            with tarfile.open(fileobj=io.BytesIO(archive.read(shard))) as tar:
                for member in tar:
                    assert (member.mtime, member.uid, member.uname) == (0, 0, "")
                    found[member.name] = tar.extractfile(member).read()
    assert len(shards) == (num_images + 1) // 2
    assert len(found) == 3 * num_images
    for index, (pixels, _) in enumerate(images):
        name = f"{index:06}"
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(found[f"{name}.png"]))), pixels)
        assert found[f"{name}.cls"] == b"1"
        assert json.loads(found[f"{name}.json"]) == {"index": index, "label": "Viral Pneumonia"}
