from __future__ import annotations

import numpy as np
import pytest

from release.data import LabelledImages
from release.utility.scores import PairedBootstrap, auroc

Array = np.ndarray


def paired_bootstrap(
    num_images: int = 200, num_seeds: int = 3, classes: int = 2
) -> PairedBootstrap:
    labels = np.arange(num_images) % classes
    images = LabelledImages(np.zeros((num_images, 2, 2), np.uint8), labels, np.arange(num_images))
    return PairedBootstrap(images, classes, num_seeds, np.random.default_rng(0))


def chances(of: PairedBootstrap, skill: float, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=len(of.images)) + skill * of.images.labels
    second = 1 / (1 + np.exp(-scores))
    return np.stack([1 - second, second], 1)


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """AUROC of normal scores a deviation apart is 0.760."""
    held = 0
    for trial in range(60):
        tested = paired_bootstrap(num_seeds=1)
        scores = tested.score([chances(tested, 1.0, trial)], auroc, 1)
        found = tested.estimate(scores)
        held += found.low <= 0.7602 <= found.high
    assert held >= 53


def test_a_paired_difference_is_narrower_than_the_scores() -> None:
    tested = paired_bootstrap()
    better = [chances(tested, 1.2, seed) for seed in range(3)]
    worse = [chances(tested, 1.0, seed) for seed in range(3)]  # the same chance in every image
    ours, theirs = (tested.score(trials, auroc, 1) for trials in (better, worse))
    gain = tested.estimate(ours - theirs)
    assert 0 < gain.low < gain.value < gain.high
    score = tested.estimate(ours)
    assert gain.high - gain.low < (score.high - score.low) / 2


def test_seeds_that_disagree_widen_the_interval() -> None:
    tested = paired_bootstrap()
    alike = tested.score([chances(tested, 1.0, 0)] * 3, auroc, 1)
    differing = tested.score([chances(tested, skill, 0) for skill in (0.2, 1.0, 3.0)], auroc, 1)
    widths = [found.high - found.low for found in map(tested.estimate, (alike, differing))]
    assert widths[1] > 1.5 * widths[0]


def test_one_seed_alone_says_nothing_of_seeds() -> None:
    tested = paired_bootstrap(num_seeds=1)
    scores = tested.score([chances(tested, 1.0, 0)], auroc, 1)
    assert tested.over_seeds(scores) is None


def test_a_class_without_images_in_a_subgroup_is_not_scored_there() -> None:
    tested = paired_bootstrap()
    assert tested.classes() == [0, 1]
    assert tested.classes(tested.images.labels == 0) == []


def test_a_subgroup_is_scored_on_its_images_alone() -> None:
    tested = paired_bootstrap(num_seeds=1)
    among = np.arange(200) < 100
    answers = chances(tested, 1.0, 0)
    answers[~among] = 1 - answers[~among]
    found = tested.score([answers], auroc, 1, among)[0, 0]
    assert found == pytest.approx(tested.score([chances(tested, 1.0, 0)], auroc, 1, among)[0, 0])
