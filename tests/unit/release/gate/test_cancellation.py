from __future__ import annotations

import numpy as np
import pytest

from benchmarks.proofs.simulation import Design, Simulation
from release.cancellation import cancellable
from release.gate.gate import Gate
from release.similarity.registered_pixels import PixelMetric


class Stopped(Exception):
    """The caller gives up."""


SIMULATION = Simulation(0, Design(trained=40, audit=20, images=300))


def test_a_search_asks_between_lots_of_images_whether_to_go_on() -> None:
    asked = []
    gate = Gate(SIMULATION.splits, [PixelMetric()])
    images = SIMULATION.honest()
    gate.compare(images[:1])
    with cancellable(lambda: asked.append(None)):
        gate.compare(images)
    assert len(asked) >= 9  # three lots are embedded, compared and registered


@pytest.mark.parametrize("times", [0, 4, 7])
def test_a_search_that_is_cancelled_stops(times: int) -> None:
    gate = Gate(SIMULATION.splits, [PixelMetric()])
    gate.compare(SIMULATION.honest()[:1])
    left = iter(range(times))

    def check() -> None:
        if next(left, None) is None:
            raise Stopped

    with pytest.raises(Stopped), cancellable(check):
        gate.compare(SIMULATION.honest())


def test_images_that_may_only_be_read_are_embedded() -> None:
    images = SIMULATION.honest()[:3]
    images.setflags(write=False)
    metric = PixelMetric()
    assert np.isfinite(metric.embed(images).vectors).all()
