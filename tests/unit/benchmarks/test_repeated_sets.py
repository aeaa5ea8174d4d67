from __future__ import annotations

import numpy as np

from benchmarks.repeated_sets import NUM_SETS, judge


def test_copies_add_up_and_a_refusal_stands() -> None:
    alone, together = judge(0.02, np.random.default_rng(0))
    first = int(np.flatnonzero(~together)[0])
    assert not together[first:].any()
    assert together.sum() < alone.sum() < NUM_SETS


def test_an_honest_model_is_asked_for_fifty_sets() -> None:
    alone, together = judge(0.0, np.random.default_rng(0))
    assert alone.all()
    assert together.all()
