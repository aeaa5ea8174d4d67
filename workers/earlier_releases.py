"""The films that have left before: whoever has them can put them together with the next ones."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.domain.errors import ArtifactMissing
from service.domain.references import SyntheticSet
from workers.attempt import Attempt

KINDS = {"class", "mixture", "interpolation"}


def earlier_films(
    attempt: Attempt, releases: Sequence[SyntheticSet], size: int
) -> NDArray[np.uint8] | None:
    """Read the films of earlier releases, (n, size, size), scaled where they had another size.

    Args:
        attempt: At the job.
        releases: Their records.
        size: Side of a film, in pixels.

    Returns:
        None where there are no films.

    Raises:
        ArtifactMissing: The files of a release are gone.
    """
    films: list[NDArray[np.uint8]] = []
    for made in releases:
        assert made.zip is not None, "the films of a released set are kept"
        path = attempt.artifacts.path(made.zip.key)
        if not path.exists():
            raise ArtifactMissing.named(made.id)
        for film in _films(path, size):
            films.append(film)
            attempt.check()
    return np.stack(films) if films else None


def _films(path: Path, size: int) -> Iterator[NDArray[np.uint8]]:
    with zipfile.ZipFile(path) as archive:
        for line in json.loads(archive.read("manifest.json"))["files"]:
            if line["kind"] in KINDS:
                image = Image.open(io.BytesIO(archive.read(line["path"])))
                yield np.asarray(image.resize((size, size), Image.Resampling.BOX))
