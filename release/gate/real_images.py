"""The training and holdout images, and one image that represents each patient."""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.data import Splits


class RealImages:
    """The training images, then the holdout images, and whose they are.

    One image of each patient, the first, represents the patient: representatives alone calibrate
    the tests and are attacked in them, since images of one patient are not independent.

    Attributes:
        pixels: (n, size, size).
        labels: (n,).
        patients: (n,).
        is_train: (n,), which are training images.
        representatives: (patients,), place of one image of each patient.
        member: (patients,), which of them are training patients.
        included: (patients,), which are in the audit pool and were included in the training.
    """

    def __init__(self, splits: Splits) -> None:
        shared = np.intersect1d(splits.train.patients, splits.holdout.patients)
        if len(shared):
            raise ValueError(
                f"{len(shared)} patients are in the training data and in the holdout as well: "
                "every test would be void. Divide the images by patient."
            )
        self.pixels = np.concatenate([splits.train.pixels, splits.holdout.pixels])
        self.labels = np.concatenate([splits.train.labels, splits.holdout.labels])
        self.patients = np.concatenate([splits.train.patients, splits.holdout.patients])
        self.is_train = np.arange(len(self.patients)) < len(splits.train)
        self.representatives = np.sort(np.unique(self.patients, return_index=True)[1])
        self.member = self.is_train[self.representatives]
        included = np.zeros(len(self.patients), np.bool_)
        included[: len(splits.train)] = splits.included
        self.included = included[self.representatives]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the images, whose they are and which are trained on, in hexadecimal."""
        found = hashlib.sha256()
        for values in (self.pixels, self.patients, self.is_train):
            found.update(f"{values.dtype} {values.shape}".encode())
            found.update(np.ascontiguousarray(values).data)
        return found.hexdigest()

    @property
    def in_audit_pool(self) -> NDArray[np.bool_]:
        """(patients,), who was included in the training or held out, at random."""
        return self.included | ~self.member

    @property
    def representative_labels(self) -> NDArray[np.int64]:
        """(patients,), class of each representative."""
        return self.labels[self.representatives]

    @property
    def train_patients(self) -> NDArray[np.int64]:
        """Training patients, each once."""
        return self.patients[self.representatives[self.member]]

    @property
    def holdout_patients(self) -> NDArray[np.int64]:
        """Holdout patients, each once."""
        return self.patients[self.representatives[~self.member]]
