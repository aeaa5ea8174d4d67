from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from release.cancellation import cancellable
from release.data import LabelledImages, Splits
from release.stats.estimate import Estimate
from release.utility.arms import TRAINED_ON
from release.utility.measure import measure_utility
from release.utility.results import Gain, Utility
from release.utility.scores import SCORE_TITLES, SCORES


def measured(splits: Splits, images: LabelledImages, **options: object) -> Utility:
    chosen = {"num_seeds": 2, "images_to_see": 192, **options}
    return measure_utility(splits, images.pixels, images.labels, **chosen)


@pytest.fixture(scope="module")
def good(toy_splits: Splits, fresh_images: LabelledImages) -> Utility:
    first_half = np.arange(len(toy_splits.test)) % 2 == 0
    return measured(toy_splits, fresh_images, subgroups={"even": first_half})


def auroc(found: Utility, name: str) -> Estimate:
    [arm] = [arm for arm in found.arms if arm.name == name]
    return arm.scores["auroc"]


def test_images_as_good_as_real_ones_train_as_good_a_classifier(good: Utility) -> None:
    assert auroc(good, "synthetic").value > 0.9
    assert auroc(good, "real").value > 0.9


def test_images_under_the_wrong_label_train_a_wrong_one(
    toy_splits: Splits, fresh_images: LabelledImages
) -> None:
    swapped = replace(fresh_images, labels=1 - fresh_images.labels)
    found = measured(toy_splits, swapped, num_seeds=1)
    assert auroc(found, "synthetic").high < 0.5
    assert found.equivalent_size.bound == "at_most"
    assert not any(gain.helps for gain in found.gains if gain.arm == "synthetic")
    assert not found.rebalancing_helps


def test_every_way_to_train_has_every_score(good: Utility, toy_splits: Splits) -> None:
    assert good.num_seeds == 2
    assert {arm.name: arm.trained_on for arm in good.arms} == TRAINED_ON
    assert [arm.num_images for arm in good.arms] == [200, 200, 200, 120, 320]
    for arm in good.arms:
        assert list(arm.scores) == list(SCORES) == list(SCORE_TITLES)
        assert list(arm.by_class) == list(toy_splits.classes)
        assert arm.by_subgroup.keys() == {"even"}


def test_there_are_gains_and_a_learning_curve(good: Utility) -> None:
    sizes = [point.num_images for point in good.learning_curve]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 200
    assert len(good.gains) == 6
    of_both = [gain.helps for gain in good.gains if gain.arm == "real + synthetic"]
    assert good.rebalancing_helps is all(of_both)


def test_the_same_images_and_seed_give_the_same_figures(
    toy_splits: Splits, fresh_images: LabelledImages
) -> None:
    first, again = (
        measured(toy_splits, fresh_images, num_seeds=1, images_to_see=64) for _ in range(2)
    )
    assert first == again


@pytest.mark.parametrize(
    ("low", "low_over_seeds", "helps"),
    [(0.01, 0.01, True), (-0.01, 0.01, False), (0.01, -0.01, False), (0.01, None, False)],
)
def test_a_gain_helps_only_where_both_intervals_lie_above_zero(
    low: float, low_over_seeds: float | None, helps: bool
) -> None:
    over_seeds = None if low_over_seeds is None else Estimate(0.02, low_over_seeds, 0.05)
    assert Gain.of("ours", "theirs", Estimate(0.02, low, 0.05), over_seeds).helps is helps


def test_it_can_be_given_up_at_any_batch(toy_splits: Splits, fresh_images: LabelledImages) -> None:
    calls = iter(range(100))

    def check() -> None:
        if next(calls) == 7:
            raise InterruptedError

    with cancellable(check), pytest.raises(InterruptedError):
        measured(toy_splits, fresh_images)


def test_a_set_without_labels_trains_nothing(
    toy_splits: Splits, fresh_images: LabelledImages
) -> None:
    with pytest.raises(ValueError, match="has none"):
        measured(toy_splits, replace(fresh_images, labels=np.full(len(fresh_images), -1)))
