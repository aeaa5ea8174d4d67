"""What a store knows of each image beside its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiographs.splits.split import TRAINED, Split


@dataclass(frozen=True)
class ImageTable:
    """Labels, splits, groups and names of images, in the order of the store.

    Args:
        classes: Label of each class index.
        labels: Class index of each image.
        splits: Split of each image, values of `Split`.
        groups: Number of each image's group of duplicates and of one patient.
        identities: Number of the patient that each image is of, the same in every dataset of
            this service; it says nothing to whoever lacks the service's ledger.
        files: Name of each image in its source.
        fingerprint: SHA-256 over pixels, labels and patient groups, in hexadecimal.
        version: Keyed hash of the fingerprint, in hexadecimal: what may be published.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    splits: NDArray[np.int8]
    groups: NDArray[np.int64]
    identities: NDArray[np.uint64]
    files: tuple[str, ...]
    fingerprint: str
    version: str

    @property
    def trained(self) -> NDArray[np.bool_]:
        """True for images that models may be trained on."""
        return np.isin(self.splits, TRAINED)

    def counts(self) -> dict[str, dict[str, int]]:
        """Count each class's images.

        Returns:
            By label: images = train + holdout + test; included are those of train that are in the
            audit pool.
        """
        counts = {}
        for index, label in enumerate(self.classes):
            splits = np.bincount(self.splits[self.labels == index], minlength=len(Split)).tolist()
            counts[label] = {
                "images": sum(splits),
                "train": sum(splits[split] for split in TRAINED),
                "included": splits[Split.INCLUDED],
                "holdout": splits[Split.HOLDOUT],
                "test": splits[Split.TEST],
            }
        return counts
