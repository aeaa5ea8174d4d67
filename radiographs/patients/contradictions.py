"""Copies of one radiograph with different labels: at least one label is wrong, so none is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiographs.errors import IngestRefused
from radiographs.prepared_image import PreparedImage
from radiographs.quoting import shortened
from radiographs.reading.listing import DroppedFile
from radiographs.warnings import IngestWarning

MAX_SHARE = 0.1  # of all images; where more contradict each other, the labels are wrong as a whole
_SHOWN = 5  # names of images in a refusal


def contradicting(images: Sequence[PreparedImage], copies: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which images have a copy of another label.

    Args:
        images: All of them.
        copies: Number of what each is a copy of.
    """
    _, labels = np.unique([image.file.label for image in images], return_inverse=True)
    lowest = np.full(copies.max() + 1, labels.max())
    highest = np.zeros_like(lowest)
    np.minimum.at(lowest, copies, labels)
    np.maximum.at(highest, copies, labels)
    differ: NDArray[np.bool_] = (lowest != highest)[copies]
    return differ


def check_few(
    images: Sequence[PreparedImage], wrong: NDArray[np.bool_], min_images_per_class: int
) -> None:
    """Refuse a set of which too much would be left out.

    Raises:
        IngestRefused: labels_contradict, where the wrong images are many, or too many of a class.
    """
    of_wrong = [image.file for image, is_wrong in zip(images, wrong, strict=True) if is_wrong]
    left = Counter(image.file.label for image in images)
    left.subtract(file.label for file in of_wrong)
    too_few = any(left[file.label] < min_images_per_class for file in of_wrong)
    if too_few or len(of_wrong) > MAX_SHARE * len(images):
        raise IngestRefused(
            "labels_contradict",
            f"{len(of_wrong)} of {len(images)} images are copies, changed or not, of one that has "
            "another label, and only one label can be right. A few are left out, up to "
            f"{MAX_SHARE:.0%}. Correct the labels, or remove the wrong images.",
            [shortened(file.name) for file in of_wrong[:_SHOWN]],
        )


def dropped(images: Sequence[PreparedImage]) -> list[DroppedFile]:
    """Name images that are left out since they contradict each other."""
    reason = "A copy of it, changed or not, has another label. Remove the one that is wrong."
    return [
        DroppedFile(shortened(image.file.name), "labels_contradict", reason) for image in images
    ]


def warnings_of(copies: NDArray[np.int64]) -> list[IngestWarning]:
    """Warn that images were left out, if any were.

    Args:
        copies: Number of what each is a copy of.
    """
    if not len(copies):
        return []
    detail = (
        f"{len(copies)} files are copies, changed or not, of {len(np.unique(copies))} radiographs "
        "that have different labels there; all of them were left out. The dropped files name them."
    )
    return [IngestWarning("copies_contradict", detail, len(copies))]
