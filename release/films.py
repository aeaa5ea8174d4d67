"""Labelled films and their folds, as everything that examines a release takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledFilms:
    """Films, their classes and whose they are.

    Attributes:
        pixels: (n, size, size); 0 is black.
        labels: (n,), index of each film's class; -1 for a film of none.
        patients: (n,), equal for films of one patient and for near duplicates.
    """

    pixels: Pixels
    labels: NDArray[np.int64]
    patients: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> LabelledFilms:
        """Keep some of the films, by mask or by index."""
        return LabelledFilms(self.pixels[chosen], self.labels[chosen], self.patients[chosen])


@dataclass(frozen=True, eq=False)
class Folds:
    """A dataset version's films, split once, by patient.

    Attributes:
        classes: Label of each class index.
        trained: T, all that models learn from: the remainder and A_in.
        coins: (n of trained,), True for A_in, whose patients came in by a fair coin.
        audit: H = A_out, the patients whose coin fell the other way; never trained on.
        utility: U, seen by nobody.
        fingerprint: Names the films and their split.
    """

    classes: tuple[str, ...]
    trained: LabelledFilms
    coins: NDArray[np.bool_]
    audit: LabelledFilms
    utility: LabelledFilms
    fingerprint: str
