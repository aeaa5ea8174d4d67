import numpy as np

from benchmarks.repeated_sets import judge


def test_a_refusal_stands_and_copies_add_up() -> None:
    alone, together = judge(np.array([3, 3, 20, 0, *[3] * 10]))
    assert alone.tolist() == [True, True, False, True, *[True] * 10]
    assert together[:2].all()
    assert not together[2:].any()
