from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from radiographs.splits import HELD_OUT_SHARE, held_out_films


@given(
    sizes=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=60, max_size=150),
    seed=st.text(max_size=5),
)
@settings(max_examples=80, deadline=None)
def test_small_groups_give_each_class_its_share_and_hardly_more(sizes, seed):
    sizes = [(k, 1) for k in range(3) for _ in range(8)] + sizes
    labels = np.concatenate([np.full(n, k) for k, n in sizes])
    groups = np.concatenate([np.full(n, g) for g, (_, n) in enumerate(sizes)])
    held_out = held_out_films(labels, groups, seed)
    for k in range(3):
        films = labels == k
        share = held_out[films].sum()
        assert share >= HELD_OUT_SHARE * films.sum()
        assert share <= HELD_OUT_SHARE * films.sum() + 0.02 * films.sum() + 2
    for group in range(len(sizes)):
        assert len(set(held_out[groups == group])) == 1


def test_a_group_of_several_classes_stays_on_one_side():
    labels = np.repeat([0, 1], 20)
    groups = np.arange(40)
    groups[[3, 4, 25, 26]] = 3
    _, groups = np.unique(groups, return_inverse=True)
    sides = [held_out_films(labels, groups, str(seed))[[3, 4, 25, 26]] for seed in range(40)]
    assert all(len(set(side)) == 1 for side in sides)
    assert {bool(side[0]) for side in sides} == {True, False}


def test_eight_films_hold_out_two():
    labels = np.repeat([0, 1], 8)
    held_out = held_out_films(labels, np.arange(16), "f")
    assert held_out[:8].sum() == 2
    assert held_out[8:].sum() == 2


def test_a_large_group_is_trained_on_where_smaller_ones_can_be_held_out():
    groups = np.array([0] * 60 + list(range(1, 41)))
    held_out = held_out_films(np.zeros(100, int), groups, "f")
    assert not held_out[:60].any()
    assert 15 <= held_out.sum() <= 17


def test_a_class_of_three_patients_still_has_both_sides():
    groups = np.repeat([0, 1, 2], [50, 30, 20])
    held_out = held_out_films(np.zeros(100, int), groups, "f")
    assert held_out.sum() == 20


def test_a_class_of_one_group_is_never_emptied():
    labels = np.repeat([0, 1], 20)
    groups = np.concatenate([np.zeros(20, int), np.arange(1, 21)])
    assert not held_out_films(labels, groups, "f")[:20].any()


def test_no_class_gives_more_than_half_of_its_films_for_the_sake_of_another():
    labels = np.array([0] * 1000 + [0] * 20 + [1] * 20)
    groups = np.concatenate([np.zeros(1000, int), np.arange(1, 21), np.arange(1, 21)])
    held_out = held_out_films(labels, groups, "f")
    assert not held_out[:1000].any()
    assert 3 <= held_out[labels == 1].sum() <= 10


def test_another_fingerprint_draws_another_split():
    labels = np.repeat([0, 1], 50)
    first, second = (held_out_films(labels, np.arange(100), name) for name in "ab")
    assert (first != second).any()
    assert (first == held_out_films(labels, np.arange(100), "a")).all()
