"""Labelled images as WebDataset shards: tar files of PNG, class number and a line of JSON each.

Reference: the WebDataset format, "files that belong together share their name up to the first dot".
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from release.package.archive import Archive
from release.package.formats.extra import ExtraFormat
from release.package.manifest import PackagedImage

IMAGES_PER_SHARD = 1000


class WebDatasetFormat(ExtraFormat):
    """Fills one shard aside and moves it into the package when it is full."""

    folder = "wds"
    _num_images = 0
    _num_shards = 0
    _shard: _Shard | None = None

    def add(self, image: PackagedImage, pixels: NDArray[np.uint8], png: bytes) -> None:  # noqa: ARG002 - as every format
        """Take an image; one of no class has no number and is left out."""
        if image.label is None:
            return
        if self._shard is None:
            self._shard = _Shard(self._scratch)
        about = {"index": image.index, "label": image.label}
        name = f"{image.index:06}"
        self._shard.write(f"{name}.cls", str(self._classes.index(image.label)).encode())
        self._shard.write(f"{name}.json", json.dumps(about, ensure_ascii=False).encode())
        self._shard.write(f"{name}.png", png)
        self._num_images += 1
        if self._num_images % IMAGES_PER_SHARD == 0:
            self.close()

    def close(self) -> None:
        """Move the shard that is being filled into the package, if there is one."""
        if self._shard is not None:
            self._shard.move(self._archive, f"{self.folder}/{self._num_shards:06}.tar")
            self._num_shards += 1
            self._shard = None


class _Shard:
    """A tar file that is being filled."""

    def __init__(self, scratch: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - until moved
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)

    def write(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)  # dated 1970, of nobody
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))
        self._tar.members.clear()  # type: ignore[attr-defined]  # it would remember all of them

    def move(self, archive: Archive, path: str) -> None:
        self._tar.close()
        archive.copy(path, self._file)
        self._file.close()
