from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

MakeSet = Callable[..., Path]


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """Write a small synthetic set; `added`, `altered` and `missing` name images to spoil."""

    def make(*, added: str = "", altered: str = "", missing: str = "", size: int = 8) -> Path:
        images: dict[str, bytes] = {}
        for label in ("COVID", "Normal"):
            for index in range(3):
                png = io.BytesIO()
                Image.new("L", (size, size), 10 * index).save(png, "PNG")
                images[f"images/{label}/{index:06}.png"] = png.getvalue()
        manifest = {
            "files": [
                {
                    "file": name,
                    "label": name.split("/")[1],
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
                for name, content in images.items()
            ]
        }
        images |= {altered: b"altered"} if altered else {}
        images |= {added: b"added"} if added else {}
        images.pop(missing, None)
        path = tmp_path / "set.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("manifest.json", json.dumps(manifest))
            for name, content in images.items():
                archive.writestr(name, content)
        return path

    return make
