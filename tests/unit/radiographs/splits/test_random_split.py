from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from radiographs.splits.random_split import AUDIT_POOL_SHARE, TEST_SHARE, draw_splits
from radiographs.splits.split import Split

KEY = bytes(32)


def digests(num_images):
    return [hashlib.sha256(str(image).encode()).hexdigest() for image in range(num_images)]


def splits_of(labels, groups=None, key=KEY):
    labels = np.asarray(labels)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    return draw_splits(labels, groups, digests(len(labels)), key)


def in_pool(splits):
    return np.isin(splits, [Split.INCLUDED, Split.HOLDOUT])


@given(
    sizes=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=60, max_size=150),
    key=st.binary(min_size=32, max_size=32),
)
@settings(max_examples=80, deadline=None)
def test_small_groups_give_each_class_its_shares_and_hardly_more(sizes, key):
    sizes = [(k, 1) for k in range(3) for _ in range(8)] + sizes
    labels = np.concatenate([np.full(n, k) for k, n in sizes])
    groups = np.concatenate([np.full(n, g) for g, (_, n) in enumerate(sizes)])
    splits = splits_of(labels, groups, key)
    for k in range(3):
        images = splits[labels == k]
        utility, pool = np.sum(images == Split.TEST), np.sum(in_pool(images))
        rest = len(images) - utility
        assert 0 <= utility - TEST_SHARE * len(images) <= 0.02 * len(images) + 2
        assert 0 <= pool - AUDIT_POOL_SHARE * rest <= 0.02 * rest + 2
        assert (images == Split.HOLDOUT).any()
        assert (images == Split.TRAIN).any()
    for group in range(len(sizes)):
        assert len(set(splits[groups == group])) == 1


def test_a_group_of_several_classes_is_in_one_split():
    labels = np.repeat([0, 1], 20)
    groups = np.arange(40)
    groups[[3, 4, 25, 26]] = 3
    _, groups = np.unique(groups, return_inverse=True)
    splits = [splits_of(labels, groups, bytes([key]) * 32)[[3, 4, 25, 26]] for key in range(80)]
    assert all(len(set(theirs)) == 1 for theirs in splits)
    assert {int(theirs[0]) for theirs in splits} == set(Split)


def test_eight_images_are_in_all_splits_that_nobody_trains_on_and_some_are_trained_on():
    for key in range(40):
        splits = splits_of(np.repeat([0, 1], 8), key=bytes([key]) * 32)
        for images in (splits[:8], splits[8:]):
            assert np.sum(images == Split.TEST) == 2
            assert np.sum(in_pool(images)) == 2
            assert (images == Split.HOLDOUT).any()


def test_a_large_group_is_trained_on_where_smaller_ones_can_be_held_out():
    splits = splits_of(np.zeros(100, int), [0] * 60 + list(range(1, 41)))
    assert (splits[:60] == Split.TRAIN).all()
    assert 15 <= np.sum(splits == Split.TEST) <= 17
    assert np.sum(in_pool(splits)) == np.sum(splits[60:] != Split.TEST)  # all others, short of 30 %


def test_a_class_of_three_patients_has_one_of_them_on_each_side():
    splits = splits_of(np.zeros(100, int), np.repeat([0, 1, 2], [50, 30, 20]))
    assert (splits[:50] == Split.TRAIN).all()
    assert (splits[50:80] == Split.HOLDOUT).all()
    assert (splits[80:] == Split.TEST).all()


def test_a_class_of_one_group_is_never_emptied():
    groups = np.concatenate([np.zeros(20, int), np.arange(1, 21)])
    assert (splits_of(np.repeat([0, 1], 20), groups)[:20] == Split.TRAIN).all()


def test_no_class_gives_more_than_half_of_its_images_for_the_sake_of_another():
    labels = np.array([0] * 1000 + [0] * 20 + [1] * 20)
    groups = np.concatenate([np.zeros(1000, int), np.arange(1, 21), np.arange(1, 21)])
    splits = splits_of(labels, groups)
    assert (splits[:1000] == Split.TRAIN).all()
    assert 3 <= np.sum(splits[labels == 1] == Split.TEST) <= 10


def test_another_key_draws_other_splits_and_the_same_key_the_same():
    labels = np.repeat([0, 1], 50)
    first, second = (splits_of(labels, key=key * 32) for key in (b"a", b"b"))
    assert (first != second).any()
    np.testing.assert_array_equal(first, splits_of(labels, key=b"a" * 32))


def test_an_image_s_split_depends_neither_on_the_order_nor_on_the_numbers_of_classes_and_groups():
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 3, 300), rng.integers(0, 150, 300)
    _, groups = np.unique(groups, return_inverse=True)
    expected = draw_splits(labels, groups, digests(300), KEY)
    order = rng.permutation(300)
    renumbered = rng.permutation(groups.max() + 1)[groups]
    renamed = np.array([2, 0, 1])[labels]
    shuffled = draw_splits(renamed[order], renumbered[order], np.array(digests(300))[order], KEY)
    np.testing.assert_array_equal(shuffled, expected[order])


def test_an_image_more_moves_hardly_any_image_to_another_split():
    labels = np.zeros(2001, int)
    before, after = (draw_splits(labels[:n], np.arange(n), digests(n), KEY) for n in (2000, 2001))
    assert np.sum(before != after[:2000]) <= 4
