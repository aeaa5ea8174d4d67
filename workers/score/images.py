"""The images that a score job was sent, as the model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from radiographs.errors import UnreadableImage
from radiographs.prepared_image import StoredForm
from radiographs.reading.archive import ArchiveLimits
from radiographs.single_images import SingleImages
from release.cancellation import check_cancelled
from service.domain.errors import NoImages, TooManyImages
from service.domain.scores import MAX_BYTES, MAX_IMAGES, ImageProblem, ScoredImage

_LIMITS = ArchiveLimits(max_members=10 * MAX_IMAGES, max_total_bytes=8 * MAX_BYTES)


@dataclass(frozen=True, eq=False)
class SentImages:
    """The images of an upload.

    Attributes:
        files: All files, in the order of their names, with their labels and problems.
        readable: (n,), which of them are images.
        pixels: (n, size, size), of these.
    """

    files: Sequence[ScoredImage]
    readable: NDArray[np.intp]
    pixels: NDArray[np.uint8]


def read_images(
    archive: Path, classes: Sequence[str], label: str | None, form: StoredForm
) -> SentImages:
    """Read the images of an uploaded ZIP.

    Args:
        archive: The ZIP.
        classes: Of the model: a folder named as one says the label of the images in it.
        label: That of the other images.
        form: What the model sees.

    Raises:
        IngestRefused: The ZIP must not be opened.
        TooManyImages: It holds more files than are scored.
        NoImages: None of them can be read.
    """
    images = SingleImages(archive, _LIMITS)
    if len(images.names) > MAX_IMAGES:
        raise TooManyImages.above(MAX_IMAGES)
    files: list[ScoredImage] = []
    readable: list[int] = []
    pixels: list[NDArray[np.uint8]] = []
    for some in images.read(form):
        check_cancelled()
        for name, found in some:
            problem = None
            if isinstance(found, UnreadableImage):
                problem = ImageProblem(found.code, found.reason)
            else:
                readable.append(len(files))
                pixels.append(found.astype(np.uint8))
            files.append(ScoredImage(name, label=_label(name, classes) or label, problem=problem))
    if not pixels:
        codes = ", ".join(sorted({each.problem.code for each in files if each.problem}))
        raise NoImages(
            f"None of the {len(files)} files is an image that can be read"
            f"{f' ({codes})' if codes else ''}. Send PNG or JPEG images."
        )
    return SentImages(files, np.array(readable), np.stack(pixels))


def _label(name: str, classes: Sequence[str]) -> str | None:
    """Return the class that the nearest folder of a file is named as, if any is."""
    folders = reversed(PurePosixPath(name).parent.parts)
    return next((folder for folder in folders if folder in classes), None)
