"""The films that have left before: whoever has them can put them together with the next ones."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.look import Look
from service.domain.errors import ArtifactMissing
from service.domain.references import SyntheticSet
from workers.attempt import Attempt
from workers.evidence import Evidence

KINDS = {"class", "mixture", "interpolation"}


def look_at_earlier(
    attempt: Attempt, evidence: Evidence, releases: Sequence[SyntheticSet], size: int
) -> Look | None:
    """Look at the films of earlier releases, scaled where they had another size.

    Args:
        attempt: At the job.
        evidence: What looks, and knows what it has looked at before.
        releases: Their records.
        size: Side of a film, in pixels.

    Returns:
        None where there are no films.

    Raises:
        ArtifactMissing: The files of a release are gone.
    """
    looks = []
    for made in releases:
        assert made.zip is not None, "the films of a released set are kept"
        path = attempt.artifacts.path(made.zip.key)
        if not path.exists():
            raise ArtifactMissing.named(made.id)
        looks.append(evidence.look(made.zip.sha256, partial(_films, path, size, attempt.check)))
    return Look.together(looks) if looks else None


def _films(path: Path, size: int, check: Callable[[], None]) -> NDArray[np.uint8]:
    """Read the films of a package, (n, size, size)."""
    films = []
    with zipfile.ZipFile(path) as archive:
        for line in json.loads(archive.read("manifest.json"))["files"]:
            if line["kind"] in KINDS:
                check()
                image = Image.open(io.BytesIO(archive.read(line["path"])))
                films.append(np.asarray(image.resize((size, size), Image.Resampling.BOX)))
    return np.stack(films)
