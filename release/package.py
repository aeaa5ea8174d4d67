"""The package: a ZIP of PNG films, their labels and a manifest; same films, same bytes.

Nothing inside depends on the clock or the host: members are stored uncompressed in the order of
their index, and dated 1980, the first year a ZIP can name.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.origin import OfClass, Origin

MANIFEST_FORMAT = "synthcxr-manifest/2"
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


@dataclass(frozen=True)
class PackagedFilm:
    """One line of the manifest.

    Attributes:
        file: Name inside the ZIP.
        origin: What it was drawn from.
        sha256: Digest of the PNG file.
    """

    file: str
    origin: Origin
    sha256: str

    def described(self) -> dict[str, Any]:
        """Return the line as JSON values."""
        return {"file": self.file, **self.origin.described(), "sha256": self.sha256}


class Package:
    """A ZIP that grows film by film, in constant memory but for the manifest.

    Leaving the `with` block writes `labels.csv` and `manifest.json` behind the films; leaving it
    by an exception leaves an unfinished file for the caller to drop.

    Args:
        path: The ZIP to write.
        description: What the manifest says beside the list of files; JSON values only.
    """

    def __init__(self, path: Path, description: Mapping[str, Any]) -> None:
        self._description = description
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._films: list[PackagedFilm] = []
        self.manifest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.manifest = self._manifest()
            self._write("labels.csv", self._labels())
            self._write("manifest.json", self.manifest)
        self._zip.close()

    def add(self, pixels: NDArray[np.uint8], origin: Origin) -> None:
        """Append a film, (h, w)."""
        data = png(pixels)
        file = f"{origin.folder}/{len(self._films):06}.png"
        self._write(file, data)
        digest = hashlib.sha256(data).hexdigest()
        self._films.append(PackagedFilm(file, origin, digest))

    def _write(self, name: str, data: bytes) -> None:
        member = zipfile.ZipInfo(name, _FIRST_DATE)
        member.create_system = 3  # Unix, whatever the host
        member.external_attr = _READABLE
        self._zip.writestr(member, data)

    def _labels(self) -> bytes:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["file", "label"])
        for film in self._films:
            if isinstance(film.origin, OfClass):
                rows.writerow([film.file, film.origin.label])
        return text.getvalue().encode()

    def _manifest(self) -> bytes:
        content = {
            "format": MANIFEST_FORMAT,
            **self._description,
            "files": [film.described() for film in self._films],
        }
        return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode grey pixels, (h, w), as PNG.

    A film hardly repeats itself: looking for runs alone makes files as small as looking for any
    repetition does, several times faster.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_type=zlib.Z_RLE)
    return buffer.getvalue()
