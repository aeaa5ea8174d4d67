from __future__ import annotations

import numpy as np
import pytest

from release.gate.attack_scores import attack_scores
from release.similarity.knn import Neighbours


def test_every_score_rises_as_a_synthetic_image_comes_nearer() -> None:
    distances = np.array([[0.1, 1, 1], [0.5, 1, 1], [1, 1, 1]], np.float32)
    near = Neighbours(distances, np.zeros((3, 3), np.int64))
    for scores in attack_scores(near, np.ones(3)).values():
        assert (np.diff(scores) <= 0).all()
        assert scores[0] > scores[2]


def test_scores_do_not_depend_on_the_unit_of_distance() -> None:
    rng = np.random.default_rng(0)
    distances = np.sort(rng.random((5, 20)), 1).astype(np.float32)
    places = np.zeros((5, 20), np.int64)
    one = attack_scores(Neighbours(distances, places), np.ones(5))
    other = attack_scores(Neighbours(4 * distances, places), np.full(5, 4.0))
    for name, scores in one.items():
        assert scores == pytest.approx(other[name], rel=1e-5)
