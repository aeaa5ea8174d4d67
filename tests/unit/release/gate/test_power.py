from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from release.data import LabelledImages, Splits
from release.gate.calibration import rank_of_threshold
from release.gate.checks import copy_power, membership_power
from release.gate.copy_counts import CopyCounts, Count, p_value
from release.gate.finding import Finding
from release.gate.policy import Policy
from release.gate.positive_controls import NUM_CONTROLS
from release.gate.power import (
    NUMS_EXAMINED,
    detectable_copy_rate,
    images_needed,
    power_of,
)
from release.gate.public_result import Power
from release.stats.intervals import proportion

POLICY = Policy()
LEVEL = POLICY.alpha / 3 / 12
CLASSES = ("common", "rare", "absent")


def of_patients(num_patients: int, first: int, images_each: int = 1) -> LabelledImages:
    patients = np.repeat(np.arange(num_patients), images_each)
    labels = (patients % 10 == 0).astype(np.int64)
    return LabelledImages(np.zeros((len(labels), 2, 2), np.uint8), labels, first + patients)


def real(num_trained: int, num_held_out: int, images_each: int = 1) -> Splits:
    trained = of_patients(num_trained, 0, images_each)
    held_out = of_patients(num_held_out, num_trained, images_each)
    return Splits(CLASSES, trained, np.zeros(len(trained), np.bool_), held_out, held_out, "")


def count(num_images: int, num_patients: int, excess: float = 1.0) -> Count:
    rank = rank_of_threshold(num_patients, POLICY.copy_shares[0])
    return Count(num_images, num_patients, (rank,), (0,), excess)


def power(
    splits: Splits, num_images: int = 1500, excess: float = 1.0, recall: float = 1.0
) -> Power:
    """Of a set whose rare class is a tenth, as among the patients."""
    num_patients = len(splits.train) + len(splits.holdout)
    by_class = {
        0: count(num_images - num_images // 10, num_patients - num_patients // 10),
        1: count(num_images // 10, num_patients // 10),
    }
    found = CopyCounts(count(num_images, num_patients, excess), by_class, 0)
    return power_of(splits, POLICY, 3, found, recall)


FEWEST = {  # the number flagged that refuses a set, by its images and patients
    (n, m): next(k for k in range(1, n) if p_value(k, n, m, rank_of_threshold(m, 0.001)) < LEVEL)
    for n in (300, 1500)
    for m in (700, 5000)
}


@pytest.mark.parametrize("recall", [1.0, 0.8])
@pytest.mark.parametrize("num_images", [300, 1500])
@pytest.mark.parametrize("num_patients", [700, 5000])
def test_sets_with_the_detectable_rate_of_copies_are_refused_95_times_of_100(
    num_images: int, num_patients: int, recall: float
) -> None:
    """Copies are found by their recall, and nothing else is flagged; honest sets hardly ever."""
    rng, trials = np.random.default_rng(0), 20_000
    fewest = FEWEST[num_images, num_patients]
    rate = detectable_copy_rate(count(num_images, num_patients), LEVEL, recall)
    num_copies = rng.binomial(num_images, rate, trials)
    refused = rng.binomial(num_copies, recall) >= fewest
    assert refused.mean() == pytest.approx(0.95, abs=0.01)
    rank = rank_of_threshold(num_patients, POLICY.copy_shares[0])
    honest = rng.binomial(num_images, rng.beta(rank, num_patients + 1 - rank, trials)) >= fewest
    assert honest.mean() < LEVEL + 3 * np.sqrt(LEVEL / trials)


def test_the_detectable_rate_grows_as_the_set_shrinks_and_with_what_is_missed() -> None:
    rates = [detectable_copy_rate(count(n, 1500), LEVEL, 1.0) for n in (4000, 1000, 300, 60)]
    assert rates == sorted(rates)
    assert rates[0] < rates[-1] / 4
    assert detectable_copy_rate(count(1000, 1500), LEVEL, 0.5) == pytest.approx(2 * rates[1])
    assert detectable_copy_rate(count(0, 1500), LEVEL, 1.0) == 1
    assert detectable_copy_rate(count(1, 100), LEVEL, 1.0) == 1  # one image proves nothing


@pytest.mark.parametrize("num_patients", [1300, 1998, 5000])
def test_as_many_images_are_examined_as_policy_needs_and_no_more(num_patients: int) -> None:
    needed = images_needed(num_patients, 3, POLICY)
    recall = proportion(POLICY.min_control_recall, NUM_CONTROLS[1]).low
    rates = [detectable_copy_rate(count(n, num_patients), LEVEL, recall) for n in NUMS_EXAMINED]
    place = NUMS_EXAMINED.index(needed)
    assert rates[place] <= POLICY.max_mdcr
    assert all(rate > POLICY.max_mdcr for rate in rates[:place])


def test_where_no_number_suffices_as_few_images_as_may_be_are_examined() -> None:
    assert images_needed(200, 3, POLICY) == min(NUMS_EXAMINED)


def test_patients_without_any_image_held_out_calibrate_copies_and_not_membership() -> None:
    """The claim about copies rests on T and H together, that about membership on H alone."""
    few, many = power(real(5000, 100)), power(real(4100, 1000))
    assert few.num_calibrating == many.num_calibrating == 5100
    assert few.mdcr == many.mdcr
    assert few.mdcr <= POLICY.max_mdcr
    assert many.membership < few.membership
    assert many.claims_membership


def test_membership_is_seen_with_enough_patients_in_h_alone() -> None:
    shares = [power(real(600, num), 1500).membership for num in (20, 60, 200, 800)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.2
    tiny = power(real(5000, 20))
    assert not tiny.claims_membership
    assert tiny.mdcr <= POLICY.max_mdcr


def test_patients_count_and_not_their_images() -> None:
    twice, once = (
        power_of(real(600, 300, each), POLICY, 3, CopyCounts(count(1000, 900), {}, 0), 1.0)
        for each in (3, 1)
    )
    assert replace(twice, num_held_out=once.num_held_out) == once


def test_a_class_has_the_power_of_its_own_patients_and_images() -> None:
    found = power(real(3000, 1000))
    assert found.by_class["absent"] == 1
    assert found.mdcr < found.by_class["common"] < found.by_class["rare"] < 1


def test_what_is_not_found_or_not_claimed_leaves_no_power() -> None:
    splits = real(3000, 1000)
    for nothing in (power(splits, recall=0.0), power_of(splits, POLICY, 3, None, 1.0)):
        assert (nothing.mdcr, nothing.claims_copies) == (1, False)
        assert nothing.membership == power(splits).membership


@pytest.mark.parametrize(
    ("excess", "suffices"), [(1, True), (4, True), (30, False), (np.inf, False)]
)
def test_a_set_that_shows_a_rare_class_too_often_is_beyond_the_power(
    excess: float, suffices: bool
) -> None:
    found = power(real(3000, 1000), excess=excess)
    assert (found.claims_copies and found.claims_membership) == suffices
    assert found.max_mdcr == (POLICY.max_mdcr if excess == 1 else POLICY.max_mdcr_of_set)


def judged(found: Power) -> list[Finding]:
    context = SimpleNamespace(power=found)
    return [check.run(context) for check in (copy_power.CHECK, membership_power.CHECK)]


def test_too_little_power_is_inconclusive_and_each_claim_is_judged_by_itself() -> None:
    of_copies, of_membership = judged(power(real(5000, 30)))
    assert (of_copies.id, of_copies.decision) == ("MDCR", "passed")
    assert (of_membership.id, of_membership.decision) == ("power", "inconclusive")
    assert of_membership.code == "power"
    of_copies, of_membership = judged(power(real(3000, 1000), num_images=100))
    assert (of_copies.decision, of_copies.code) == ("inconclusive", "power")
    assert of_membership.decision == "passed"
