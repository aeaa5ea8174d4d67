"""The ZIP that leaves: complete, readable, reproducible, signed, in constant memory."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from release.package.manifest import Description, hashed_seed
from release.package.writer import Contents, write_package
from release.sample_spec import ClassSample, MixtureSample

ALL_FORMATS = frozenset({"npz", "webdataset", "dicom"})
EVERYTHING = {
    "labels.csv",
    "metadata.csv",
    "report.html",
    "TERMS.md",
    "croissant.json",
    "manifest.json",
    "SHA256SUMS",
    "attestation.intoto.jsonl",
    "signing-key.pem",
}


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines_of(files: dict[str, bytes]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads(files["manifest.json"])["files"]
    return lines


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_same_images_give_the_same_bytes(write) -> None:
    first, second = write("a.zip", formats=ALL_FORMATS), write("b.zip", formats=ALL_FORMATS)
    assert first.read_bytes() == second.read_bytes()


def test_nothing_else_lies_in_it_and_nothing_is_left_beside_it(write, tmp_path) -> None:
    files = members(write())
    images = {name for name in files if name.endswith(".png")}
    assert len(images) == 8
    assert files.keys() - images == EVERYTHING
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


def test_members_are_stored_in_place_and_dated_1980(write) -> None:
    """An image can be served from the ZIP without unpacking it."""
    with zipfile.ZipFile(write(formats=ALL_FORMATS)) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {member.date_time[0] for member in archive.infolist()} == {1980}


def test_the_manifest_lists_the_images_first_then_every_file_before_it(write, images) -> None:
    files = members(write(formats=ALL_FORMATS))
    lines = lines_of(files)
    for line, (pixels, _) in zip(lines, images, strict=False):
        image = Image.open(io.BytesIO(files[line["path"]]))
        assert np.array_equal(np.asarray(image), pixels)
    unnamed = {"manifest.json", "SHA256SUMS", "attestation.intoto.jsonl", "signing-key.pem"}
    assert {line["path"] for line in lines} == files.keys() - unnamed
    for line in lines:
        assert line["bytes"] == len(files[line["path"]])
        assert line["sha256"] == hashlib.sha256(files[line["path"]]).hexdigest()
    kinds = {line["path"].partition("/")[0]: line["kind"] for line in lines[8:]}
    assert kinds["npz"] == "npz"
    assert kinds["wds"] == "webdataset"
    assert kinds["dicom"] == "dicom"
    assert kinds["report.html"] == "document"


def test_a_seed_stands_nowhere_but_equal_seeds_have_equal_hashes(write, tmp_path, contents) -> None:
    """Seeds of interpolations can be matched with images of the set only with the key."""
    seed = 7_465_001_223_990_517_002
    images = [(np.zeros((16, 16), np.uint8), ClassSample("COVID", seed))]
    write_package(tmp_path / "one.zip", images, contents)
    files = members(tmp_path / "one.zip")
    assert all(str(seed).encode() not in data for data in files.values())
    assert lines_of(files)[0]["seed_hash"] == hashed_seed(contents.hashing_key, seed)

    lines = lines_of(members(write()))
    way = lines[7]
    assert (way["from_seed_hash"], way["to_seed_hash"]) == (
        lines[0]["seed_hash"],
        lines[1]["seed_hash"],
    )
    other = lines_of(members(write(hashing_key=b"another key")))
    assert {line.get("seed_hash") for line in other[:7]}.isdisjoint(
        line["seed_hash"] for line in lines[:7]
    )


def test_what_is_of_no_class_lies_apart_says_what_it_is_and_has_no_label(write) -> None:
    files = members(write())
    mixture, way = (
        {
            name: line[name]
            for name in line
            if "hash" not in name and name not in ("sha256", "bytes")
        }
        for line in lines_of(files)[6:8]
    )
    assert mixture == {
        "path": "unlabelled/mixtures/000006.png",
        "kind": "mixture",
        "weights": {"COVID": 0.5, "Viral Pneumonia": 0.5},
    }
    assert way == {
        "path": "unlabelled/interpolations/000007.png",
        "kind": "interpolation",
        "weights": {"COVID": 1.0},
        "position": 0.25,
    }
    assert len(table(files["labels.csv"])) == 6


def test_the_tables_name_every_image_once(write) -> None:
    files = members(write())
    labels, metadata = table(files["labels.csv"]), table(files["metadata.csv"])
    assert labels[0] == {"file": "images/COVID/000000.png", "label": "COVID"}
    assert metadata[0] == {
        "file_name": "images/COVID/000000.png",
        "label": "COVID",
        "kind": "class",
    }
    assert [row["label"] for row in metadata[6:]] == ["", ""]
    assert [row["file_name"] for row in metadata] == [line["path"] for line in lines_of(files)[:8]]


def test_the_attestation_names_manifest_and_sums_and_its_key_signed_it(write, contents) -> None:
    """The signed bytes are written out here as DSSE 1.0 gives them."""
    files = members(write())
    envelope = json.loads(files["attestation.intoto.jsonl"])
    payload = base64.b64decode(envelope["payload"])
    statement = json.loads(payload)
    assert {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]} == {
        name: hashlib.sha256(files[name]).hexdigest() for name in ("manifest.json", "SHA256SUMS")
    }
    assert statement["predicate"]["gate"] == {"verdict": {"outcome": "passed", "code": None}}
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    [line] = envelope["signatures"]
    public = contents.signer.private.public_key()
    public.verify(base64.b64decode(line["sig"]), signed)  # raises otherwise
    assert line["keyid"] == contents.signer.id
    assert files["signing-key.pem"] == contents.signer.public_pem


def test_only_the_attestation_depends_on_the_key(write) -> None:
    class Other:
        id = "0" * 64
        public_pem = b"another"

        def sign(self, message: bytes) -> bytes:
            return b"\0" * 64

    first, second = members(write("a.zip")), members(write("b.zip", signer=Other()))
    assert {name for name in first if first[name] != second[name]} == {
        "attestation.intoto.jsonl",
        "signing-key.pem",
    }


def test_an_incomplete_description_is_refused_by_the_name_of_the_field(description) -> None:
    content = description.model_dump()
    del content["gate"]
    with pytest.raises(ValueError, match="gate"):
        Description.model_validate(content)


@pytest.mark.parametrize("name", ["manifest.json", "SHA256SUMS", "images/COVID/000000.png"])
def test_a_document_cannot_take_the_place_of_what_the_package_writes(write, name) -> None:
    with pytest.raises(ValueError, match="cannot be called"):
        write(documents={name: b""})


def test_a_package_that_breaks_off_has_no_manifest(tmp_path, contents) -> None:
    def break_off() -> Any:
        yield np.zeros((16, 16), np.uint8), MixtureSample({"COVID": 1.0}, 1)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_package(tmp_path / "set.zip", break_off(), contents)
    assert "manifest.json" not in members(tmp_path / "set.zip")


def test_ten_thousand_images_are_packaged_in_constant_memory(tmp_path, contents) -> None:
    """Their pixels are 39 MiB; what grows with the images is a line in each table of contents."""
    assert peak_bytes(tmp_path / "set.zip", 10_000, contents) < 24 * 2**20


def test_no_format_keeps_images_in_memory(tmp_path, contents) -> None:
    chosen = replace(contents, formats=ALL_FORMATS)
    few, many = (peak_bytes(tmp_path / f"{n}.zip", n, chosen) for n in (20, 80))
    assert (many - few) / 60 < 64 * 64  # bytes an image; its pixels alone are as many


def peak_bytes(path: Path, num_images: int, contents: Contents) -> int:
    """Measure what packaging images of 64 px takes at most."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 64, 64), np.uint8)
    images = ((pixels[k % 16], ClassSample("COVID", k)) for k in range(num_images))
    tracemalloc.start()
    try:
        write_package(path, images, contents)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
