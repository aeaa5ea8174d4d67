from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.evaluation.real_images import LabelledSet, RealImages
from benchmarks.evaluation.rebalancing import cut_down, synthetic_arm
from release.utility.arms import OVERSAMPLED, REAL, WEIGHTED, Arm, real_arms


@pytest.fixture
def paired() -> LabelledSet:
    """100 images of each of two classes, in pairs of near duplicates."""
    pixels = np.arange(200, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)
    return LabelledSet(pixels, np.repeat([0, 1], 100), np.arange(200) // 2)


def cut(images: LabelledSet, seed: int = 0) -> LabelledSet:
    return cut_down(images, 1, 20, np.random.default_rng(seed))


def chances_by_class(arm: Arm, label: int) -> float:
    of_class = torch.from_numpy(arm.images.labels) == label
    return float(arm.chances[of_class].sum() / arm.chances.sum())


def test_one_class_is_cut_down_and_the_others_stay_whole(paired: LabelledSet) -> None:
    images = cut(paired)
    assert np.bincount(images.labels).tolist() == [100, 20]
    assert np.array_equal(images.pixels[images.labels == 0], paired.pixels[:100])


def test_what_is_left_is_whole_groups(paired: LabelledSet) -> None:
    _, sizes = np.unique(cut(paired).groups, return_counts=True)
    assert (sizes == 2).all()


def test_which_images_are_left_depends_on_the_seed_alone(paired: LabelledSet) -> None:
    assert np.array_equal(cut(paired).groups, cut(paired).groups)
    assert not np.array_equal(cut(paired).groups, cut(paired, seed=1).groups)


def test_a_class_that_is_rare_already_is_refused(paired: LabelledSet) -> None:
    with pytest.raises(ValueError, match="has 20 images"):
        cut(cut(paired))


def test_only_oversampling_changes_how_often_a_class_is_drawn(paired: LabelledSet) -> None:
    images = cut(paired)
    shares = {name: chances_by_class(arm, 1) for name, arm in real_arms(images).items()}
    expected = {REAL: 20 / 120, WEIGHTED: 20 / 120, OVERSAMPLED: 0.5}
    assert shares == pytest.approx(expected)


def test_class_weights_make_up_for_the_numbers(paired: LabelledSet) -> None:
    arm = real_arms(cut(paired))[WEIGHTED]
    counts = torch.tensor([100.0, 20.0])
    assert arm.class_weights is not None
    torch.testing.assert_close(arm.class_weights * counts, torch.tensor([60.0, 60.0]))


def test_synthetic_images_take_their_share_of_their_class_alone(paired: LabelledSet) -> None:
    synthetic = np.full((7, 2, 2), 255, np.uint8)
    arm = synthetic_arm(cut(paired), 1, synthetic, share=0.25)
    assert np.bincount(arm.images.labels).tolist() == [100, 27]
    assert chances_by_class(arm, 1) == pytest.approx(0.5)
    assert float(arm.chances[-7:].sum() / arm.chances.sum()) == pytest.approx(0.125)
    assert np.array_equal(arm.images.pixels[-7:], synthetic)


def test_no_share_of_synthetic_images_is_oversampling(paired: LabelledSet) -> None:
    images = cut(paired)
    arm = synthetic_arm(images, 1, np.zeros((3, 2, 2), np.uint8), share=0.0)
    torch.testing.assert_close(arm.chances[:-3], real_arms(images)[OVERSAMPLED].chances)


def test_added_images_are_independent_of_all_others(images: RealImages) -> None:
    arm = synthetic_arm(images.training, 0, images.training.pixels[:5], share=0.5)
    assert len(np.unique(arm.images.groups)) == len(np.unique(images.training.groups)) + 5
