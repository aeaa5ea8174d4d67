from __future__ import annotations

import numpy as np
import pytest

from release.similarity.registered_pixels import PixelMetric


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 64, 64), np.uint8)


def test_each_image_finds_itself_first_whatever_the_size(images) -> None:
    metric = PixelMetric()
    for size in (32, 64):
        embedded = metric.embed(images[:, :size, :size])
        found = metric.nearest(embedded, embedded, 2)
        assert np.array_equal(found.indices[:, 0], np.arange(len(images)))
        assert found.distances[:, 0].max() < 1e-4
        assert (np.diff(found.distances, axis=1) > 0).all()


def test_more_neighbours_than_the_shortlist_holds_can_be_asked_for(images) -> None:
    metric = PixelMetric()
    embedded = metric.embed(images)
    found = metric.nearest(embedded.where(np.arange(3)), embedded, 75)
    assert np.isfinite(found.distances[:, :70]).all()
    assert np.isinf(found.distances[:, 70:]).all()
    assert (found.indices[:, 70:] == -1).all()


def test_a_patients_own_images_are_passed_over(images) -> None:
    metric, patients = PixelMetric(), np.arange(70) // 2
    embedded = metric.embed(images)
    found = metric.nearest(embedded, embedded, 5, patients=(patients, patients))
    assert (patients[found.indices] != patients[:, None]).all()


def test_two_metrics_of_one_version_have_one_digest() -> None:
    assert PixelMetric().digest == PixelMetric().digest
    assert len(PixelMetric().digest) == 64
