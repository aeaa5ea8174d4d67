from __future__ import annotations

import time

import numpy as np
import pytest

from radiographs.duplicates import Groups, likeness, near_duplicates
from radiographs.phantom import FINDINGS, draw


def films(num, size=128):
    return [
        draw(FINDINGS[k % 4], seed=3, index=k, size=size).pixels.astype(np.float32)
        for k in range(num)
    ]


def pairs_among(pixels):
    likenesses = [likeness(film.clip(0, 255).astype(np.uint8)) for film in pixels]
    hashes = np.array([one.hash for one in likenesses], dtype=np.uint64)
    thumbnails = np.stack([one.thumbnail for one in likenesses])
    steps = list(near_duplicates(hashes, thumbnails))
    assert steps[-1][0] == len(pixels)
    return {tuple(pair) for _, pairs in steps for pair in pairs.tolist()}


def test_different_patients_are_no_duplicates():
    assert pairs_among(films(200)) == set()


@pytest.mark.parametrize(
    "altered",
    [
        lambda film: film,
        lambda film: film + np.random.default_rng(0).normal(0, 4, film.shape),
        lambda film: film * 0.8 + 20,
        lambda film: np.roll(film, 1, axis=1),
    ],
    ids=["copy", "noise", "contrast", "one pixel to the side"],
)
def test_a_film_altered_a_little_is_a_near_duplicate(altered):
    originals = films(20)
    assert pairs_among([*originals, altered(originals[7])]) == {(7, 20)}


def test_a_mirrored_film_is_another_film():
    first = films(1)[0]
    assert pairs_among([first, first[:, ::-1]]) == set()


def test_flat_films_are_like_nothing():
    assert pairs_among([np.full((64, 64), 9.0), np.full((64, 64), 9.0)]) == set()


def test_pairs_are_found_across_the_blocks_of_a_large_set():
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, 2500, dtype=np.uint64)
    thumbnails = rng.standard_normal((2500, 32, 32)).astype(np.float32)
    thumbnails /= np.linalg.norm(thumbnails, axis=(1, 2), keepdims=True)
    twins = {(0, 1023), (1023, 1024), (5, 2499), (2048, 2400)}
    for first, second in sorted(twins):
        hashes[second] = hashes[first] ^ np.uint64(0b1011)
        thumbnails[second] = thumbnails[first]
    found = near_duplicates(hashes, thumbnails.astype(np.float16))
    every = {tuple(pair) for _, pairs in found for pair in pairs.tolist()}
    assert every == twins | {(0, 1024)}


def test_alike_hashes_alone_do_not_make_a_pair():
    rng = np.random.default_rng(2)
    thumbnails = rng.standard_normal((2, 32, 32)).astype(np.float16)
    ((_, pairs),) = near_duplicates(np.zeros(2, np.uint64), thumbnails / 32)
    assert len(pairs) == 0


def test_what_is_joined_in_a_chain_is_one_group():
    groups = Groups(6)
    groups.join(4, 5)
    groups.join(1, 4)
    assert groups.numbers().tolist() == [0, 1, 2, 3, 1, 1]


def test_equal_keys_join_and_missing_keys_do_not():
    groups = Groups(6)
    assert groups.join_equal(["a", None, "b", "a", None, "a"]) == 2
    assert groups.numbers().tolist() == [0, 1, 2, 0, 3, 0]


def test_six_thousand_films_take_seconds():
    rng = np.random.default_rng(4)
    hashes = rng.integers(0, 2**63, 6424, dtype=np.uint64)
    thumbnails = rng.standard_normal((6424, 32, 32)).astype(np.float16) / 32
    start = time.process_time()
    assert sum(len(pairs) for _, pairs in near_duplicates(hashes, thumbnails)) == 0
    assert time.process_time() - start < 10
