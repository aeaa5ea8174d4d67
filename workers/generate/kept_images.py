"""Images that were drawn, kept for an attempt that comes after this one.

Image k of a set draws from its own seed and in a batch of a fixed size, so an attempt that goes on
behind the last kept batch makes the same set. Nothing but drawing is kept: it is most of the work.
"""

from __future__ import annotations

import io
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from models.training.checkpoints import seconds_between
from service.adapters.durable_files import replace_file
from service.domain.errors import StorageFull

log = structlog.get_logger()

NAME = "pixels"


class KeptImages:
    """The first images of one job, in parts: files that are whole or absent.

    A part is named by the place of its first image, and its bytes carry a checksum. Two attempts
    that overlap write the same.

    Args:
        folder: For these images alone, as drawn on one kind of device; made when it is needed.
        interval_seconds: Least time between two parts, but for the first ones.
    """

    def __init__(self, folder: Path, interval_seconds: float) -> None:
        self._folder = folder
        self._interval_seconds = interval_seconds
        self._pending: list[NDArray[np.uint8]] = []
        self._num_kept = 0
        self._began = self._kept_at = time.monotonic()

    def read(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the parts, (n, size, size), from the first image to where one is missing."""
        while (part := self._read(self._num_kept)) is not None:
            self._num_kept += len(part)
            yield part

    def add(self, pixels: NDArray[np.uint8]) -> bool:
        """Take in the next batch; return whether it and all before it have just been kept."""
        self._pending.append(pixels)
        now = time.monotonic()
        age = self._kept_at - self._began
        if now - self._kept_at < seconds_between(age, self._interval_seconds):
            return False
        return self.keep()

    def keep(self) -> bool:
        """Write what was taken in; that it cannot be kept is no reason to fail."""
        if not self._pending:
            return False
        part = np.concatenate(self._pending)
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **{NAME: part})
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(self._file(self._num_kept), stream.getvalue())
        except (OSError, StorageFull) as error:
            log.warning("images not kept", reason=str(error))
            return False
        self._pending.clear()
        self._num_kept += len(part)
        self._kept_at = time.monotonic()
        return True

    def _read(self, first: int) -> NDArray[np.uint8] | None:
        try:
            with (
                self._file(first).open("rb") as stream,
                np.load(stream, allow_pickle=False) as file,
            ):
                part: NDArray[np.uint8] = file[NAME]
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
            return None
        return part

    def _file(self, first: int) -> Path:
        return self._folder / f"{first:09}.npz"
