"""The table of a store: labels, patients and their splits."""

from __future__ import annotations

import numpy as np

from radiographs.errors import IngestRefused
from radiographs.fingerprint import fingerprint_of
from radiographs.patients.grouping import UNKNOWN, Identified
from radiographs.prepared_image import PreparedImage
from radiographs.quoting import quoted
from radiographs.requirements import MIN_IMAGES_PER_CLASS
from radiographs.splits.keyed_hash import published_version
from radiographs.splits.random_split import TEST_SHARE, draw_splits
from radiographs.store.image_table import ImageTable


def split_table(images: list[PreparedImage], found: Identified, key: bytes) -> ImageTable:
    """Draw the splits, and bring together what the store says of each image.

    Args:
        images: In the order of the store.
        found: Their patients, and the splits that these have already.
        key: The splits are drawn under it.

    Raises:
        IngestRefused: class_too_small, where copies, one patient's images or the splits of
            earlier datasets leave no split.
    """
    classes = tuple(sorted({image.file.label for image in images}))
    labels = np.array([classes.index(image.file.label) for image in images], dtype=np.int64)
    fingerprint = fingerprint_of(images)
    looks = [image.look for image in images]
    table = ImageTable(
        classes=classes,
        labels=labels,
        splits=draw_splits(labels, found.groups, looks, key, found.splits),
        groups=found.groups,
        identities=found.identities,
        files=tuple(image.file.name for image in images),
        fingerprint=fingerprint,
        version=published_version(key, fingerprint),
    )
    for label, counts in table.counts().items():
        of_class = labels == classes.index(label)
        brought = bool((found.splits[of_class] != UNKNOWN).any())
        needed = 1 if brought else TEST_SHARE * counts["images"]
        if counts["test"] < needed or not counts["holdout"] or not counts["train"]:
            # no counts: they would disclose the splits that patients have from earlier datasets
            raise IngestRefused(
                "class_too_small",
                f"A class has too few patients to be split: {TEST_SHARE:.0%} of its images must be "
                "kept for the test split, some for the holdout and some for training. Copies and "
                "images of one patient stay together, and patients of earlier datasets keep the "
                f"splits they had. {MIN_IMAGES_PER_CLASS} patients new to the service, with "
                "about as many images each, are enough for a class.",
                [f"Class {quoted(label)!r} has too few patients."],
            )
    return table
