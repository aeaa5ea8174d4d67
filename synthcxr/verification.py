"""Checking a downloaded set against its own manifest."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from synthcxr.errors import DownloadMismatch

MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class VerifiedSet:
    """What a checked ZIP holds.

    Attributes:
        path: The ZIP.
        files_by_label: Names of its images in the ZIP, per class, in the manifest's order.
    """

    path: Path
    files_by_label: dict[str, list[str]]

    @property
    def num_images(self) -> int:
        """Number of images in the set."""
        return sum(map(len, self.files_by_label.values()))


def verify_set(path: Path) -> VerifiedSet:
    """Check that a set holds exactly the images its manifest names, byte for byte.

    Args:
        path: A ZIP made by the service.

    Raises:
        DownloadMismatch: It is no ZIP, an image is missing, added or altered, or there is no
            manifest that could tell.
    """
    files_by_label: dict[str, list[str]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            present = {name for name in archive.namelist() if name.startswith("images/")}
            for image in json.loads(archive.read(MANIFEST_NAME))["files"]:
                name = image["file"]
                if name not in present:
                    raise DownloadMismatch(f"{path}: {name} is in the manifest but not in the ZIP")
                if hashlib.sha256(archive.read(name)).hexdigest() != image["sha256"]:
                    raise DownloadMismatch(f"{path}: {name} is not the image its manifest names")
                present.remove(name)
                files_by_label.setdefault(image["label"], []).append(name)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise DownloadMismatch(f"{path} is not a readable synthetic set: {error}") from error
    if present:
        raise DownloadMismatch(f"{path}: {min(present)} is in the ZIP but not in the manifest")
    return VerifiedSet(path, files_by_label)
