"""Speed and end of a job, on a clock that the test moves."""

from types import SimpleNamespace

import pytest

from workers.runtime import progress as pace
from workers.runtime.progress import ProgressEstimator


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def test_first_report_has_no_speed_yet(clock):
    progress = ProgressEstimator().progress("training", 0, 100, 0.0)
    assert (progress.images_per_second, progress.eta_seconds) == (None, None)


def test_steady_work_has_its_speed_and_end(clock):
    measured = ProgressEstimator()
    for tick in range(5):
        progress = measured.progress("training", 10 * tick, 100, tick / 10)
        clock.seconds += 2
    assert progress.images_per_second == pytest.approx(5)
    assert progress.eta_seconds == pytest.approx(12)


def test_speed_is_that_of_the_last_ten_seconds(clock):
    measured = ProgressEstimator()
    measured.progress("training", 0, None, 0.0)
    clock.seconds += 1000
    measured.progress("training", 10, None, 0.1)
    clock.seconds += 5
    progress = measured.progress("training", 60, None, 0.6)
    assert progress.images_per_second == pytest.approx(10)
    assert progress.eta_seconds == pytest.approx(4)


def test_new_phase_starts_the_measurement_anew(clock):
    measured = ProgressEstimator()
    measured.progress("autoencoder", 0, None, 0.0)
    clock.seconds += 1
    progress = measured.progress("denoiser", 1000, None, 0.5)
    assert progress.images_per_second is None
