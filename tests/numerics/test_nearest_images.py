from __future__ import annotations

import numpy as np
import pytest

from release.similarity import metric
from release.similarity.knn import Neighbours, Vectors
from release.similarity.metric import CorrelationMetric, Embedded, Patients


class UnitVectors(CorrelationMetric):
    """Images that are unit vectors already."""

    def _embed(self, pixels: np.ndarray) -> Vectors:
        return pixels


def nearest(
    queries: np.ndarray, among: np.ndarray, k: int, patients: Patients | None = None
) -> Neighbours:
    return UnitVectors().nearest(Embedded(queries), Embedded(among), k, patients=patients)


def unit_rows(rng: np.random.Generator, n: int, d: int = 16) -> np.ndarray:
    rows = rng.normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_search_equals_brute_force_however_it_is_cut_into_blocks(monkeypatch) -> None:
    monkeypatch.setattr(metric, "IMAGES_AT_ONCE", 7)
    rng = np.random.default_rng(0)
    queries, among = unit_rows(rng, 30), unit_rows(rng, 50)
    found = nearest(queries, among, 5)
    distances = 1 - queries @ among.T
    expected = np.argsort(distances, 1)[:, :5]
    assert np.array_equal(found.indices, expected)
    np.testing.assert_allclose(
        found.distances, np.take_along_axis(distances, expected, 1), atol=1e-6
    )


def test_images_of_one_patient_are_no_neighbours() -> None:
    rng = np.random.default_rng(2)
    rows, patients = unit_rows(rng, 12), np.arange(12) // 3
    found = nearest(rows, rows, 9, (patients, patients))
    assert (patients[found.indices] != patients[:, None]).all()
    assert (found.distances > 0).all()


def test_what_is_missing_is_infinitely_far() -> None:
    rng = np.random.default_rng(3)
    rows = unit_rows(rng, 4)
    patients = np.array([0, 0, 1, 1])
    found = nearest(rows, rows, 3, (patients, patients))
    assert (found.indices[:, 2] == -1).all()
    assert np.isinf(found.distances[:, 2]).all()
    assert np.isfinite(found.distances[:, :2]).all()


def test_an_image_is_at_distance_0_of_itself_and_2_of_its_negative() -> None:
    rows = unit_rows(np.random.default_rng(4), 5)
    assert nearest(rows, rows, 1).distances.max() < 1e-6
    assert nearest(rows[:1], -rows[:1], 1).distances[0, 0] == pytest.approx(2)


def test_no_queries_and_no_images_are_searched_too() -> None:
    rows = unit_rows(np.random.default_rng(5), 3)
    assert nearest(rows[:0], rows, 2).distances.shape == (0, 2)
    assert (nearest(rows, rows[:0], 2).indices == -1).all()
    with pytest.raises(ValueError, match="at least 1"):
        nearest(rows, rows, 0)
