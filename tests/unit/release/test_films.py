from __future__ import annotations

import numpy as np
import pytest

from release.films import LabelledFilms

FILMS = LabelledFilms(
    np.arange(3, dtype=np.uint8).reshape(3, 1, 1), np.array([0, 1, 0]), np.array([5, 6, 7])
)


def test_films_are_chosen_with_their_labels_and_patients() -> None:
    chosen = FILMS.where(FILMS.labels == 0)
    assert len(chosen) == 2
    assert chosen.pixels.ravel().tolist() == [0, 2]
    assert chosen.patients.tolist() == [5, 7]


def test_every_film_needs_a_label_and_a_patient() -> None:
    with pytest.raises(ValueError, match="one label and one patient"):
        LabelledFilms(FILMS.pixels, FILMS.labels[:2], FILMS.patients)
