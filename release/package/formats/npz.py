"""All labelled images in one NumPy file, with the keys of MedMNIST.

`train_images` (n, h, w) uint8, `train_labels` (n, 1) int64, numbers into `classes`, which MedMNIST
does not have. There is one split: which images a reader holds out is the reader's choice.

Reference: MedMNIST v2 (Yang et al. 2023), the keys of its NPZ files.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from release.package.archive import Archive
from release.package.formats.extra import ExtraFormat
from release.package.manifest import Description, PackagedImage


class NpzFormat(ExtraFormat):
    """Spools raw pixels aside, since the number of images stands in front of them."""

    folder = "npz"

    def __init__(
        self, archive: Archive, description: Description, classes: Sequence[str], scratch: Path
    ) -> None:
        super().__init__(archive, description, classes, scratch)
        self._spool: IO[bytes] = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - until closed
        self._image_shape: tuple[int, ...] = (0, 0)
        self._labels: list[int] = []

    def add(self, image: PackagedImage, pixels: NDArray[np.uint8], png: bytes) -> None:  # noqa: ARG002 - as every format
        """Take an image; one of no class has no number and is left out."""
        if image.label is None:
            return
        self._image_shape = pixels.shape
        self._spool.write(np.ascontiguousarray(pixels).data)
        self._labels.append(self._classes.index(image.label))

    def close(self) -> None:
        """Write the file: an NPZ is a ZIP of NPY files."""
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            with Archive(file) as npz, tempfile.TemporaryFile(dir=self._scratch) as images:
                self._write_images(images)
                npz.copy("train_images.npy", images)
                npz.write("train_labels.npy", _npy(np.array(self._labels, np.int64)[:, None]))
                npz.write("classes.npy", _npy(np.array(self._classes)))
            self._archive.copy(f"{self.folder}/radiographs.npz", file)

    def _write_images(self, file: IO[bytes]) -> None:
        shape = (len(self._labels), *self._image_shape)
        header: dict[str, Any] = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        self._spool.seek(0)
        copyfileobj(self._spool, file)
        self._spool.close()


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
