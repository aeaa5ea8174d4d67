"""Checking a downloaded set against its own manifest."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthcxr.errors import DownloadMismatch

MANIFEST_NAME = "manifest.json"
LABELS_NAME = "labels.csv"
FOLDERS = ("images/", "unlabelled/")


@dataclass(frozen=True)
class VerifiedSet:
    """What a checked ZIP holds.

    Attributes:
        path: The ZIP.
        files_by_label: Names of its images in the ZIP, per class, in the manifest's order.
        unlabelled_files: Names of the images that are of no class, per mixture or way between two
            seeds, which the key describes.
    """

    path: Path
    files_by_label: dict[str, list[str]]
    unlabelled_files: dict[str, list[str]]

    @property
    def num_images(self) -> int:
        """Number of images in the set."""
        return sum(map(len, [*self.files_by_label.values(), *self.unlabelled_files.values()]))


def verify_set(path: Path) -> VerifiedSet:
    """Check that a set holds exactly the images its manifest names, byte for byte.

    Args:
        path: A ZIP made by the service.

    Raises:
        DownloadMismatch: It is no ZIP, an image is missing, added or altered, the labels are not
            those of the manifest, or there is no manifest that could tell.
    """
    by_label: dict[str, list[str]] = {}
    unlabelled: dict[str, list[str]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            present = {name for name in archive.namelist() if name.startswith(FOLDERS)}
            for image in json.loads(archive.read(MANIFEST_NAME))["files"]:
                name = image["file"]
                if name not in present:
                    raise DownloadMismatch(f"{path}: {name} is in the manifest but not in the ZIP")
                if hashlib.sha256(archive.read(name)).hexdigest() != image["sha256"]:
                    raise DownloadMismatch(f"{path}: {name} is not the image its manifest names")
                present.remove(name)
                if is_labelled(image):
                    by_label.setdefault(image["label"], []).append(name)
                else:
                    unlabelled.setdefault(describe(image), []).append(name)
            labels = _labels(archive.read(LABELS_NAME))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise DownloadMismatch(f"{path} is not a readable synthetic set: {error}") from error
    if present:
        raise DownloadMismatch(f"{path}: {min(present)} is in the ZIP but not in the manifest")
    if labels != {name: label for label, names in by_label.items() for name in names}:
        raise DownloadMismatch(f"{path}: {LABELS_NAME} does not say what the manifest says")
    return VerifiedSet(path, by_label, unlabelled)


def is_labelled(image: Mapping[str, Any]) -> bool:
    """Say whether an image of a manifest is of a class; in the first format, all are."""
    return bool(image.get("kind", "class") == "class")


def describe(image: Mapping[str, Any]) -> str:
    """Say in words what an image of no class was drawn from.

    Args:
        image: Its line in the manifest.
    """
    weights = image["weights"]
    of = " + ".join(f"{weight:g} {label}" for label, weight in weights.items())
    if image["kind"] == "interpolation":
        of = next(iter(weights)) if len(weights) == 1 else of
        return f"{of}, from seed {image['from_seed']} to {image['to_seed']}"
    return str(of)


def _labels(text: bytes) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO(text.decode()))
    return {row["file"]: row["label"] for row in rows}
