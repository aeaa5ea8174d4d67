"""Images made on the spot, as bytes, in folders and in archives."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radiographs.phantom import draw

Encode = Callable[..., bytes]
Files = Mapping[str, bytes]


def encode(image: Image.Image | NDArray[np.generic], kind: str = "PNG", **options: object) -> bytes:
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def encoded() -> Encode:
    """Encode an image or an array of pixels as a file."""
    return encode


@pytest.fixture(scope="session")
def images() -> list[bytes]:
    """Forty PNG images of forty patients, 64 px."""
    return [encode(draw("normal", seed=9, index=k, size=64).pixels) for k in range(40)]


@pytest.fixture
def two_classes(images: list[bytes]) -> dict[str, bytes]:
    """Twenty good images in each of two class folders, by name."""
    return {
        f"{label}/{k:02d}.png": images[k + start]
        for label, start in (("Normal", 0), ("Sick", 20))
        for k in range(20)
    }


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[Files], Path]:
    """Write files into a new folder."""

    def write(files: Files, name: str = "set") -> Path:
        for file, data in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / name

    return write


@pytest.fixture
def zip_of(tmp_path: Path) -> Callable[[Files], Path]:
    """Write files into a new deflated ZIP, under the very names given."""

    def write(files: Files, name: str = "set.zip") -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, data in files.items():
                archive.writestr(file, data)
        return tmp_path / name

    return write


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    """Make a private, empty folder for a store."""
    folder = tmp_path / "store"
    folder.mkdir()
    return folder
