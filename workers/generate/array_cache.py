"""What is known of a dataset's images stays on disk, beside them, and goes when they go."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from release.memory import Arrays
from service.domain.errors import StorageFull
from workers.runtime.attempt import Attempt

log = structlog.get_logger()


class ArtifactArrayCache:
    """A memory in a folder of the artifact store: one file of plain arrays for each name.

    Whoever may read the images may read these, and nobody else: they tell which images are alike.

    Args:
        attempt: Reads and writes on behalf of; it may be replaced, since what is kept serves one
            job after another.
        folder: Key of the folder, inside the dataset's own.
    """

    def __init__(self, attempt: Attempt, folder: str) -> None:
        self.attempt = attempt
        self._folder = folder

    def recall(self, name: str, find: Callable[[], Arrays]) -> Arrays:
        """Return what is kept under a name; find it where nothing is, or nothing that is whole."""
        key = f"{self._folder}/{hashlib.sha256(name.encode()).hexdigest()}.npz"
        known = self._read(key)
        return known if known is not None else self._kept(key, find())

    def _read(self, key: str) -> Arrays | None:
        path = self.attempt.artifacts.path(key)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return dict(file)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error):
            return None

    def _kept(self, key: str, found: Arrays) -> Arrays:
        """Keep what was found; that it cannot be kept is no reason to fail."""
        plain: dict[str, NDArray[Any]] = {name: np.asarray(each) for name, each in found.items()}
        try:
            file = self.attempt.staging("remembered") / "arrays.npz"
            with file.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **plain)
            self.attempt.artifacts.publish(file, key)
        except (OSError, StorageFull) as error:
            log.warning("not remembered", job_id=self.attempt.job.id, reason=str(error))
        return found
