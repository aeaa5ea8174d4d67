from __future__ import annotations

import numpy as np
import pytest

from release.films import Folds, LabelledFilms
from release.metrics.closeness import closeness, truly_held_out
from release.metrics.fairness import LearnedFrom
from release.metrics.latent import LatentMetric

METRIC = LatentMetric(lambda pixels: pixels.reshape(len(pixels), -1), "0" * 64, LearnedFrom())


def films(n: int, seed: int) -> LabelledFilms:
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 16, 16), np.uint8)
    return LabelledFilms(pixels, np.zeros(n, np.int64), 100 * seed + np.arange(n))


@pytest.fixture
def folds() -> Folds:
    audit = films(12, 1)
    trained = films(30, 0)
    trained.pixels[5] = audit.pixels[3] // 2  # one radiograph, stored twice in other greys
    return Folds(("a",), trained, np.zeros(30, np.bool_), audit, films(4, 2), "f")


def test_closeness_is_0_for_copies_and_about_1_for_films_of_nobody(folds) -> None:
    trained, audit = METRIC.embed(folds.trained.pixels), METRIC.embed(folds.audit.pixels)
    copies = closeness(METRIC, trained.where(np.arange(6)), trained, audit, 5)
    fresh = closeness(METRIC, METRIC.embed(folds.utility.pixels), trained, audit, 5)
    assert copies.max() < 1e-5
    assert (np.abs(fresh - 1) < 0.2).all()


def test_of_fewer_films_than_asked_for_the_density_is_their_mean(folds) -> None:
    trained, audit = METRIC.embed(folds.trained.pixels), METRIC.embed(folds.audit.pixels)
    patients = folds.audit.patients
    ratio = closeness(METRIC, audit, trained, audit, 50, apart=(patients, patients))
    found = METRIC.nearest(audit, audit, 11, apart=(patients, patients)).distances.mean(1)
    np.testing.assert_allclose(
        ratio, METRIC.nearest(audit, trained, 1).distances[:, 0] / found, rtol=1e-5
    )


def test_an_audit_film_whose_double_was_trained_on_is_not_held_out(folds) -> None:
    kept = truly_held_out(METRIC, folds, 5)
    assert np.flatnonzero(~kept).tolist() == [3]
