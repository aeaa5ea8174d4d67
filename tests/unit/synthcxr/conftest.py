from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

MakeSet = Callable[..., Path]


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """Write a small synthetic set; `added`, `altered` and `missing` name images to spoil.

    `unlabelled` adds lines to the manifest, with their images; without any, the manifest is one of
    the first format.
    """

    def make(
        *,
        added: str = "",
        altered: str = "",
        missing: str = "",
        size: int = 8,
        unlabelled: Sequence[Mapping[str, Any]] = (),
        labels: str | None = None,
    ) -> Path:
        lines = [
            {"file": f"images/{label}/{index:06}.png", "label": label}
            for label in ("COVID", "Normal")
            for index in range(3)
        ]
        images: dict[str, bytes] = {}
        for index, line in enumerate([*lines, *unlabelled]):
            png = io.BytesIO()
            Image.new("L", (size, size), 10 * (index % 3)).save(png, "PNG")
            images[str(line["file"])] = png.getvalue()
        if labels is None:
            labels = "\n".join(
                ["file,label", *(f"{line['file']},{line['label']}" for line in lines)]
            )
        if unlabelled:
            lines = [{"kind": "class", **line} for line in lines]
        manifest = {
            "files": [
                {**line, "sha256": hashlib.sha256(images[str(line["file"])]).hexdigest()}
                for line in [*lines, *unlabelled]
            ]
        }
        images |= {altered: b"altered"} if altered else {}
        images |= {added: b"added"} if added else {}
        images.pop(missing, None)
        path = tmp_path / "set.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("manifest.json", json.dumps(manifest))
            archive.writestr("labels.csv", labels)
            for name, content in images.items():
                archive.writestr(name, content)
        return path

    return make
