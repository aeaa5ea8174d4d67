"""The ZIP that leaves: complete, readable, reproducible."""

import csv
import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from release.origin import OfClass, OfInterpolation, OfMixture, folder_name
from release.package import Package, png


@pytest.fixture
def films():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (5, 16, 16), np.uint8)


def write(path, films):
    with Package(path, {"seed": 3}) as package:
        for index, film in enumerate(films):
            label = "COVID" if index < 3 else "Viral Pneumonia"
            package.add(film, OfClass(label, seed=100 + index))
    return package


def test_same_films_give_the_same_bytes(films, tmp_path):
    write(tmp_path / "a.zip", films)
    write(tmp_path / "b.zip", films)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_every_file_matches_its_line_in_the_manifest(films, tmp_path):
    package = write(tmp_path / "set.zip", films)
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.read("manifest.json") == package.manifest
        assert manifest["seed"] == 3
        listed = [line["file"] for line in manifest["files"]]
        assert [*listed, "labels.csv", "manifest.json"] == archive.namelist()
        for line, film in zip(manifest["files"], films, strict=True):
            data = archive.read(line["file"])
            assert hashlib.sha256(data).hexdigest() == line["sha256"]
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), film)


def test_labels_file_names_the_class_of_each_film(films, tmp_path):
    write(tmp_path / "set.zip", films)
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("labels.csv"), "utf-8")))
    assert rows[0] == {"file": "images/COVID/000000.png", "label": "COVID"}
    assert rows[4] == {"file": "images/Viral Pneumonia/000004.png", "label": "Viral Pneumonia"}


def test_what_is_of_no_class_lies_apart_says_what_it_is_and_has_no_label(films, tmp_path):
    """Apart even from classes that are called like it."""
    weights = {"COVID": 0.5, "unlabelled": 0.5}
    with Package(tmp_path / "set.zip", {}) as package:
        package.add(films[0], OfClass("../unlabelled/mixtures", 1))
        package.add(films[1], OfMixture(weights, 2))
        package.add(films[2], OfInterpolation({"COVID": 1.0}, 3, 4, 0.25))
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        labels = archive.read("labels.csv").decode().splitlines()
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["format"] == "synthcxr-manifest/2"
    of_class, mixture, interpolation = (
        {name: value for name, value in line.items() if name != "sha256"}
        for line in manifest["files"]
    )
    assert of_class["file"].startswith("images/")
    assert (of_class["kind"], of_class["label"]) == ("class", "../unlabelled/mixtures")
    assert mixture == {
        "file": "unlabelled/mixtures/000001.png",
        "kind": "mixture",
        "weights": weights,
        "seed": 2,
    }
    assert interpolation == {
        "file": "unlabelled/interpolations/000002.png",
        "kind": "interpolation",
        "weights": {"COVID": 1.0},
        "from_seed": 3,
        "to_seed": 4,
        "position": 0.25,
    }
    assert labels[1:] == [f"{of_class['file']},{of_class['label']}"]


def test_members_are_stored_in_place(films, tmp_path):
    """A film can be served from the ZIP without unpacking it."""
    write(tmp_path / "set.zip", films)
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {member.date_time[0] for member in archive.infolist()} == {1980}


def test_broken_off_package_has_no_manifest(films, tmp_path):
    def break_off():
        with Package(tmp_path / "set.zip", {}) as package:
            package.add(films[0], OfClass("COVID", 1))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        break_off()
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert "manifest.json" not in archive.namelist()


@pytest.mark.parametrize(
    ("label", "folder"),
    [("No Finding", "No Finding"), ("a/b", "a_b"), ("..", "_"), ("Ödem", "Ödem"), ("x.", "x")],
)
def test_label_becomes_a_folder_any_system_takes(label, folder):
    assert folder_name(label) == folder


def test_png_keeps_every_pixel(films):
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(films[0])))), films[0])
