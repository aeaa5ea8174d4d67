"""Copies of one image with different labels: at least one label is wrong, so that none is used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from radiographs.errors import IngestRefused
from radiographs.prepared_image import PreparedImage
from radiographs.quoting import shortened
from radiographs.reading.listing import DroppedFile
from radiographs.warnings import IngestWarning

MAX_SHARE = 1 / 3  # of all images; a set of more is labelled wrongly as a whole


class Contradictions(NamedTuple):
    """What copies say against each other.

    Args:
        kept: The places of the images that are kept.
        dropped: The others.
        warnings: That there are some, where there are.
    """

    kept: list[int]
    dropped: list[DroppedFile]
    warnings: list[IngestWarning]


def without_contradictions(
    images: Sequence[PreparedImage], min_images_per_class: int
) -> Contradictions:
    """Leave out all copies of an image that are labelled differently.

    Raises:
        IngestRefused: labels_contradict, where they are many, or leave too little of a class.
    """
    labels: dict[str, set[str]] = defaultdict(set)  # by what an image shows
    for image in images:
        labels[image.digest].add(image.file.label)
        labels[image.look].add(image.file.label)
    wrong = {
        k
        for k, image in enumerate(images)
        if len(labels[image.digest]) > 1 or len(labels[image.look]) > 1
    }
    names = [shortened(images[k].file.name) for k in sorted(wrong)]
    kept = [k for k in range(len(images)) if k not in wrong]
    left = Counter(images[k].file.label for k in kept)
    too_few = any(left[images[k].file.label] < min_images_per_class for k in wrong)
    if too_few or len(wrong) > MAX_SHARE * len(images):
        raise IngestRefused(
            "labels_contradict",
            f"{len(wrong)} of {len(images)} images are copies of one that has another label, and "
            "only one label can be right. Remove the wrong ones.",
            names[:5],
        )
    reason = "A copy of it has another label; remove the one that is wrong."
    dropped = [DroppedFile(name, "labels_contradict", reason) for name in names]
    return Contradictions(kept, dropped, _warnings(images, wrong))


def _warnings(images: Sequence[PreparedImage], wrong: set[int]) -> list[IngestWarning]:
    if not wrong:
        return []
    shown = len({images[k].look for k in wrong})
    detail = (
        f"{len(wrong)} files are copies of {shown} images with different labels; all of them were "
        "left out. The list of dropped files names them."
    )
    return [IngestWarning("copies_contradict", detail, len(wrong))]
