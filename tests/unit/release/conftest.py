from __future__ import annotations

import numpy as np
import pytest

from release.classifier import FilmClassifier
from release.classifier_training import train_classifier
from release.films import Folds, LabelledFilms

SIZE = 32


def toy_films(rng: np.random.Generator, num_per_class: int, first_patient: int) -> LabelledFilms:
    """Smooth random films, the bright half of which gives the class; some patients have two."""
    labels = np.repeat([0, 1], num_per_class)
    coarse = rng.normal(0, 40, (len(labels), 8, 8)).repeat(4, 1).repeat(4, 2)
    films = 110 + coarse + rng.normal(0, 4, (len(labels), SIZE, SIZE))
    films[labels == 0, :, : SIZE // 2] += 60
    films[labels == 1, :, SIZE // 2 :] += 60
    patients = first_patient + np.arange(len(labels))
    patients[1:10:2] = patients[0:10:2]
    return LabelledFilms(films.clip(0, 255).astype(np.uint8), labels, patients)


@pytest.fixture(scope="session")
def toy_folds() -> Folds:
    rng = np.random.default_rng(0)
    trained = toy_films(rng, 100, 0)
    coins = rng.random(len(trained)) < 0.2
    audit, utility = toy_films(rng, 40, 1000), toy_films(rng, 45, 2000)
    return Folds(("left", "right"), trained, coins, audit, utility, "f" * 64)


@pytest.fixture(scope="session")
def fresh_films() -> LabelledFilms:
    """What a perfect generator would draw."""
    return toy_films(np.random.default_rng(1), 60, 3000)


@pytest.fixture(scope="session")
def toy_classifier(toy_folds: Folds) -> FilmClassifier:
    return train_classifier(toy_folds.trained, 2, seed=0, images_to_see=1600)
