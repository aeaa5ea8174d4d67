"""What a store knows of each image beside its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiographs.splits.split import HELD_OUT, TRAINED, Fold


@dataclass(frozen=True)
class ImageTable:
    """Labels, folds, groups and names of images, in the order of the store.

    Args:
        classes: Label of each class index.
        labels: Class index of each image.
        folds: Fold of each image, values of `Fold`.
        groups: Number of each image's group of duplicates and of one patient.
        identities: Number of the patient that each image is of, the same in every dataset of
            this service; it says nothing to whoever lacks the service's ledger.
        files: Name of each image in its source.
        fingerprint: SHA-256 over pixels, labels and patient groups, in hexadecimal.
        version: Keyed hash of the fingerprint, in hexadecimal: what may be published.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    folds: NDArray[np.int8]
    groups: NDArray[np.int64]
    identities: NDArray[np.uint64]
    files: tuple[str, ...]
    fingerprint: str
    version: str

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """True for images that no model may be trained on."""
        return np.isin(self.folds, HELD_OUT)

    def counts(self) -> dict[str, dict[str, int]]:
        """Count each class's images.

        Returns:
            By label: images = train + held_out; audit_in of train were put there by a coin;
            held_out = audit_out + utility.
        """
        counts = {}
        for index, label in enumerate(self.classes):
            folds = np.bincount(self.folds[self.labels == index], minlength=len(Fold)).tolist()
            counts[label] = {
                "images": sum(folds),
                "train": sum(folds[fold] for fold in TRAINED),
                "held_out": sum(folds[fold] for fold in HELD_OUT),
                "audit_in": folds[Fold.AUDIT_IN],
                "audit_out": folds[Fold.AUDIT_OUT],
                "utility": folds[Fold.UTILITY],
            }
        return counts
