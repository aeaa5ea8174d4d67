"""The audit rests on fair, independent draws of which patients of the pool are trained on."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, chisquare

from radiographs.splits.random_split import draw_splits
from radiographs.splits.split import Split

NUM_KEYS = 40
DIGESTS = [hashlib.sha256(str(image).encode()).hexdigest() for image in range(3000)]
LABELS = np.repeat([0, 1], [2500, 500])
GROUPS = np.concatenate([np.arange(500).repeat(2), np.arange(500, 2500)])  # 500 have two images


def drawn(key: int) -> NDArray[np.int8]:
    """Splits of each group."""
    splits = draw_splits(LABELS, GROUPS, DIGESTS, key.to_bytes(32, "big"))
    return splits[np.unique(GROUPS, return_index=True)[1]]


SPLITS = np.stack([drawn(key) for key in range(NUM_KEYS)])  # (keys, groups)
POOL = (SPLITS == Split.INCLUDED) | (SPLITS == Split.HOLDOUT)
HELD_OUT = SPLITS == Split.HOLDOUT


def test_the_draws_are_fair() -> None:
    assert binomtest(int(HELD_OUT.sum()), int(POOL.sum())).pvalue > 0.001


def test_the_draws_of_two_patients_agree_as_often_as_not() -> None:
    both = POOL[:, :-1] & POOL[:, 1:]
    agree = HELD_OUT[:, :-1] == HELD_OUT[:, 1:]
    assert binomtest(int((agree & both).sum()), int(both.sum())).pvalue > 0.001


def test_half_of_the_pool_is_held_out_with_the_spread_of_a_binomial_and_not_exactly() -> None:
    """With an exact half the last patient's draw would follow from all others'."""
    num_pool, num_held_out = POOL.sum(1), HELD_OUT.sum(1)
    z = (num_held_out - num_pool / 2) / np.sqrt(num_pool / 4)
    assert 0.6 < z.std() < 1.4
    assert len(set(num_held_out)) > NUM_KEYS / 4


def test_a_patient_is_in_the_pool_under_one_key_as_often_as_any_other() -> None:
    alike = np.bincount(GROUPS) == 1
    times = Counter(POOL[:, alike].sum(0).tolist())
    rate = POOL[:, alike].mean()
    classes = np.array([0, 6, 8, 10, 12, 14, NUM_KEYS + 1])
    seen = np.histogram(list(times.elements()), classes)[0]
    rng = np.random.default_rng(0)
    expected = np.histogram(rng.binomial(NUM_KEYS, rate, 200_000), classes)[0]
    assert chisquare(seen, expected / expected.sum() * seen.sum()).pvalue > 0.001


def test_a_class_of_few_patients_has_one_held_out_though_all_were_drawn_for_training() -> None:
    """Two of its eight are in the pool: by fair draws a quarter of the keys would hold out none."""
    labels, groups = np.zeros(8, np.int64), np.arange(8)
    num_held_out = Counter(
        int(
            np.sum(
                draw_splits(labels, groups, DIGESTS[:8], key.to_bytes(32, "big")) == Split.HOLDOUT
            )
        )
        for key in range(400)
    )
    assert set(num_held_out) == {1, 2}
    assert binomtest(num_held_out[2], 400, 0.25).pvalue > 0.001
