"""Metadata for machines: valid Croissant 1.1 that admits to being synthetic."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile

import pytest

from release.package.archive import Member
from release.package.croissant import croissant

_VALIDATE = """
import sys, mlcroissant
dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
print(dataset.metadata.ctx.conforms_to.value)
print(sorted(dataset.metadata.issues.warnings))
print(sum(1 for _ in dataset.records("radiographs")))
"""


def test_it_says_that_the_images_are_synthetic_and_what_they_were_made_from(description) -> None:
    table = Member("metadata.csv", 7, "1" * 64)
    content = json.loads(croissant(description, Member("labels.csv", 5, "0" * 64), table))
    assert content["rai:hasSyntheticData"] is True
    assert content["prov:wasDerivedFrom"]["@id"].endswith(description.dataset.version)
    assert content["prov:wasGeneratedBy"]["@id"].endswith("a" * 64)
    assert content["rai:dataLimitations"] == ["No claim is made for COVID alone."]
    assert "biases of the images" in content["rai:dataBiases"]
    assert [file.get("sha256") for file in content["distribution"]] == ["0" * 64, "1" * 64, None]


def test_the_digests_are_those_of_the_tables_in_the_package(write) -> None:
    with zipfile.ZipFile(write()) as archive:
        tables = json.loads(archive.read("croissant.json"))["distribution"][:2]
        for table in tables:
            data = archive.read(table["contentUrl"])
            assert table["sha256"] == hashlib.sha256(data).hexdigest()
            assert table["contentSize"] == f"{len(data)} B"


def test_mlcroissant_finds_it_valid_and_reads_the_images(write, tmp_path) -> None:
    """In a process of its own, whose warnings are not ours; no date is meant: no clock."""
    with zipfile.ZipFile(write()) as archive:
        archive.extractall(tmp_path / "set")
    found = subprocess.run(
        [sys.executable, "-c", _VALIDATE, str(tmp_path / "set" / "croissant.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named 'mlcroissant'" in found.stderr:
        pytest.skip("mlcroissant is not installed")
    assert found.returncode == 0, found.stderr
    version, warnings, num_images = found.stdout.splitlines()
    assert version == "http://mlcommons.org/croissant/1.1"
    assert warnings.count("Property") == warnings.count("datePublished") == 1
    assert num_images == "8"
