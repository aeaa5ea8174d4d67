from __future__ import annotations

import numpy as np

from benchmarks.copy_detection import table
from benchmarks.evaluation.copy_recall import Detector, folds_of, recall
from benchmarks.evaluation.real_films import RealFilms, Split
from release.controls.kinds import CONTROLS
from release.metrics.fairness import LearnedFrom
from release.metrics.latent import LatentMetric

METRIC = LatentMetric(lambda pixels: pixels.reshape(len(pixels), -1), "0" * 64, LearnedFrom())


def films(n: int, seed: int) -> Split:
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 8, 8), np.uint8)
    pixels = coarse.repeat(4, 1).repeat(4, 2)
    return Split(pixels, np.zeros(n, np.int64), np.arange(n) // 2)


REAL = RealFilms(("a",), films(120, 0), films(30, 1), "f" * 64)


def test_groups_stay_on_one_side_and_fifteen_in_a_hundred_are_audited() -> None:
    folds = folds_of(REAL, seed=0)
    assert not set(folds.trained.patients) & set(folds.audit.patients)
    assert len(folds.audit) == 18
    assert len(folds.trained) == 102
    assert np.array_equal(folds.utility.pixels, REAL.held_out.pixels)


def test_copies_are_flagged_and_fresh_films_are_not() -> None:
    folds = folds_of(REAL, seed=0)
    rows = recall([Detector(METRIC, folds)], folds, CONTROLS[:2], num=20, seed=0)
    assert [row.kind for row in rows] == ["exact copy", "noise", "fresh films"]
    assert rows[0].flagged["union"].value == 1
    assert rows[0].closeness["latent"] < 0.01
    assert rows[2].flagged["latent"].value <= 1 / 10
    assert len(table(rows).splitlines()) == 5
