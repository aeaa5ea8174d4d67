from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from benchmarks.evaluation.real_images import LabelledSet
from benchmarks.evaluation.scores import balanced_accuracy, compare, f1_of, score_each


def held_out(num_images: int = 300, images_per_group: int = 1) -> LabelledSet:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, num_images, p=[0.2, 0.7, 0.1])
    groups = np.arange(num_images) // images_per_group
    return LabelledSet(np.zeros((num_images, 2, 2), np.uint8), labels, groups)


def answers(images: LabelledSet, share_right: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wrong = (images.labels + rng.integers(1, 3, len(images))) % 3
    return np.where(rng.random(len(images)) < share_right, images.labels, wrong)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_scores_agree_with_scikit_learn() -> None:
    images = held_out()
    predictions = answers(images, 0.7, seed=1)
    [found] = score_each([predictions], images, balanced_accuracy)
    assert found == pytest.approx(balanced_accuracy_score(images.labels, predictions))
    [found] = score_each([predictions], images, f1_of(2))
    expected = f1_score(images.labels, predictions, labels=[2], average="macro")
    assert found == pytest.approx(expected)


def test_an_image_that_counts_twice_counts_like_two_images() -> None:
    images = held_out(40)
    predictions = answers(images, 0.6, seed=1)
    counts = np.random.default_rng(2).integers(1, 4, (1, 40))
    each = np.repeat(np.arange(40), counts[0])
    for score in (balanced_accuracy, f1_of(0)):
        counted = score(predictions, images.labels, counts.astype(float))
        repeated = score(predictions[each], images.labels[each], np.ones((1, len(each))))
        assert counted == pytest.approx(repeated)


def test_a_class_that_is_never_predicted_correctly_has_no_f1() -> None:
    images = held_out()
    assert score_each([np.zeros(300, np.int64)], images, f1_of(1)) == [0.0]


def test_the_same_answers_gain_nothing(rng: np.random.Generator) -> None:
    images = held_out()
    predictions = [answers(images, 0.8, seed) for seed in range(3)]
    comparison = compare(predictions, predictions, images, f1_of(0), rng)
    for estimate in (comparison.over_seeds, comparison.over_images):
        assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)


def test_a_clear_gain_lies_above_zero_and_its_opposite_below(rng: np.random.Generator) -> None:
    images = held_out()
    good, bad = ([answers(images, share, seed) for seed in range(5)] for share in (0.9, 0.6))
    gain = compare(good, bad, images, balanced_accuracy, rng)
    loss = compare(bad, good, images, balanced_accuracy, rng)
    assert gain.over_seeds.low > 0
    assert gain.over_images.low > 0
    assert loss.over_seeds.high == pytest.approx(-gain.over_seeds.low)


def test_near_duplicates_are_one_piece_of_evidence(rng: np.random.Generator) -> None:
    """Images in groups of ten are less informative than as many independent ones."""

    def width(images_per_group: int) -> float:
        images = held_out(300, images_per_group)
        images = LabelledSet(images.pixels, np.repeat(images.labels[::10], 10), images.groups)
        answered = np.repeat(answers(images, 0.7, 1)[::10], 10)
        right = compare([answered] * 2, [images.labels] * 2, images, balanced_accuracy, rng)
        return right.over_images.high - right.over_images.low

    assert width(10) > 2 * width(1)
