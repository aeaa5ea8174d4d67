"""Whose the real images are, and who speaks for a patient.

The witnesses are one image of each patient, the first. They alone calibrate the tests and are
attacked in them, since images of one patient tell the same twice.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.data import LabelledImages, Splits


class Crowd:
    """Who the real images are of: T first, then H.

    Attributes:
        pixels: (n, size, size), all real images of T and H.
        labels: (n,).
        patients: (n,).
        trained: (n,), which images are in T.
        witnesses: (patients,), one image of each patient.
        member: (patients,), which of the witnesses are in T.
        coins: (patients,), which are in A_in.
    """

    def __init__(self, splits: Splits) -> None:
        shared = np.intersect1d(splits.train.patients, splits.holdout.patients)
        if len(shared):
            raise ValueError(
                f"{len(shared)} patients are in the training data and held out as well: "
                "every test would be void. Divide the images by patient."
            )
        self.pixels = np.concatenate([splits.train.pixels, splits.holdout.pixels])
        self.labels = np.concatenate([splits.train.labels, splits.holdout.labels])
        self.patients = np.concatenate([splits.train.patients, splits.holdout.patients])
        self.trained = np.arange(len(self.patients)) < len(splits.train)
        self.witnesses = np.sort(np.unique(self.patients, return_index=True)[1])
        self.member = self.trained[self.witnesses]
        came_in = np.zeros(len(self.patients), np.bool_)
        came_in[: len(splits.train)] = splits.included
        self.coins = came_in[self.witnesses]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the images, whose they are and which are in T, in hexadecimal."""
        found = hashlib.sha256()
        for values in (self.pixels, self.patients, self.trained):
            found.update(f"{values.dtype} {values.shape}".encode())
            found.update(np.ascontiguousarray(values).data)
        return found.hexdigest()

    @property
    def audited(self) -> NDArray[np.bool_]:
        """(patients,), whom a fair coin brought in or kept out: A_in and A_out."""
        return self.coins | ~self.member

    def images(self, chosen: NDArray[np.bool_]) -> LabelledImages:
        """Return the images of some of the witnesses."""
        rows = self.witnesses[chosen]
        return LabelledImages(self.pixels[rows], self.labels[rows], self.patients[rows])

    @property
    def trained_patients(self) -> NDArray[np.int64]:
        """Patients of T, each once."""
        return self.patients[self.witnesses[self.member]]

    @property
    def held_out_patients(self) -> NDArray[np.int64]:
        """Patients of H, each once."""
        return self.patients[self.witnesses[~self.member]]

    @property
    def held_out_labels(self) -> NDArray[np.int64]:
        """Class of one image of each patient of H."""
        return self.labels[self.witnesses[~self.member]]
