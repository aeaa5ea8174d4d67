from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom

from release.data import class_weights
from release.gate.calibration import Calibration
from release.gate.checks.copy_count import judge
from release.gate.copy_counts import (
    CERTAIN,
    CopyCounts,
    Count,
    certain_copies,
    excess_share,
    main_class,
    p_value,
)
from release.gate.policy import Policy

POLICY = Policy()
LEVELS = (0.01, 0.05, 0.2)
SHARES = POLICY.copy_shares


def counted(
    images: np.ndarray, real: np.ndarray, labels: np.ndarray, real_labels: np.ndarray
) -> CopyCounts:
    """Count images by one detector, of which none is a copy beyond doubt."""
    calibration = Calibration({"copy": real}, real_labels, SHARES)
    weights = class_weights(labels, int(real_labels.max()) + 1)
    return CopyCounts.of({"copy": images}, weights, calibration)


def assert_at_most(level: float, p_values: list[float]) -> None:
    """Hold that p-values are as small as a level no more often than it says, by 3 deviations."""
    allowed = level + 3 * np.sqrt(level * (1 - level) / len(p_values))
    assert np.mean(np.array(p_values) <= level) < allowed


def test_the_p_value_is_that_of_so_many_flags_or_more() -> None:
    assert p_value(0, 50, 640, 1) == pytest.approx(1)
    expected = betabinom.pmf(range(3, 51), 50, 2, 639).sum()
    assert p_value(3, 50, 640, 2) == pytest.approx(expected)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_at_each_threshold_honest_images_are_as_many_as_chance_says(rank: int) -> None:
    """Any law will do, since only ranks count."""
    rng = np.random.default_rng(rank)
    num_images, num_real, trials = 400, 999, 1000
    nobody = np.full(num_images, -1)
    p_values = [
        counted(
            rng.lognormal(size=num_images),
            rng.lognormal(size=num_real),
            nobody,
            np.zeros(num_real, np.int64),
        ).overall.p_values[rank]
        for _ in range(trials)
    ]
    for level in LEVELS:
        assert_at_most(level, p_values)


def test_all_tests_together_keep_the_level_though_classes_have_laws_of_their_own() -> None:
    """At three thresholds, of all images and of each class: 12 tests and Bonferroni."""
    rng = np.random.default_rng(1)
    shares, trials = np.array([0.8, 0.15, 0.05]), 400

    def drawn(num: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.choice(3, num, p=shares)
        return rng.lognormal(size=num) * (1 + labels), labels

    p_values, by_class = [], []
    for _ in range(trials):
        (images, labels), (real, real_labels) = drawn(400), drawn(600)
        found = counted(images, real, labels, real_labels)
        p_values.append(found.p_value)
        by_class.append(min(found.by_class[2].p_values) if 2 in found.by_class else 1.0)
    for level in LEVELS:
        assert_at_most(level, p_values)
        assert_at_most(3 * level, by_class)


def test_several_detectors_keep_the_level_together() -> None:
    """Also of few patients: the units of the detectors are found on the calibrating images."""
    rng = np.random.default_rng(6)
    num_images, num_real, trials = 1000, 500, 2000
    nobody, labels = np.zeros((num_images, 1)), np.zeros(num_real, np.int64)
    p_values = []
    for _ in range(trials):
        real, images = rng.random((6, num_real)), rng.random((6, num_images))
        calibration = Calibration(dict(zip("abcdef", real, strict=True)), labels, SHARES)
        found = CopyCounts.of(dict(zip("abcdef", images, strict=True)), nobody, calibration)
        p_values.append(found.p_value)
    for level in (0.0033, *LEVELS):
        assert_at_most(level, p_values)


def test_the_smallest_p_value_is_multiplied_by_the_number_of_tests() -> None:
    found = CopyCounts(Count(1000, 999, (1, 3), (3, 4)), {0: Count(50, 99, (1,), (5,))}, 0)
    assert len(found.p_values) == 3
    assert found.p_value == pytest.approx(3 * min(found.p_values))


def test_too_many_flags_refuse_a_set() -> None:
    found = judge(CopyCounts(Count(1000, 640, (1,), (14,)), {}, 0), POLICY)
    assert (found.decision, found.code, found.statistic) == ("refused", "memorises", 14)
    assert judge(CopyCounts(Count(1000, 640, (1,), (2,)), {}, 0), POLICY).decision == "passed"


def test_a_rare_class_that_is_copied_is_refused_though_the_whole_shows_nothing() -> None:
    """Exact copies are 5 % of a class with 500 calibrating patients, 0.2 % of the set."""
    rng = np.random.default_rng(2)
    real_labels = np.repeat([0, 1], [12_000, 500])
    labels = np.repeat([0, 1], [2880, 120])
    refused = tellings = 0
    for _ in range(20):
        images = rng.random(3000)
        images[-6:] = 0
        found = counted(images, rng.random(12_500), labels, real_labels)
        refused += judge(found, POLICY).decision == "refused"
        tellings += len(found.p_values) * min(found.overall.p_values) < POLICY.alpha / 3
    assert refused == 20
    assert tellings <= 6


@pytest.mark.parametrize("num_images", [10, 100_000])
def test_two_copies_beyond_doubt_refuse_a_set_of_any_size(num_images: int) -> None:
    def decision(num_certain: int) -> str:
        count = Count(num_images, 640, (1,), (num_certain,))
        return judge(CopyCounts(count, {}, num_certain), POLICY).decision

    assert (decision(0), decision(1), decision(2)) == ("passed", "passed", "refused")


@pytest.mark.parametrize("detector", CERTAIN)
def test_a_copy_is_beyond_doubt_by_any_detector_that_sees_the_whole(detector: str) -> None:
    blind = {name: np.ones(3) for name in CERTAIN}
    seen = {**blind, detector: np.array([0.01, 0.09, 0.11])}
    assert certain_copies(seen).tolist() == [True, True, False]
    assert not certain_copies({**blind, "quarter": np.zeros(3)}).any()


def test_a_set_of_flagged_images_alone_is_refused_however_small() -> None:
    assert judge(CopyCounts(Count(1, 640, (1,), (1,)), {}, 0), POLICY).decision == "refused"


def test_an_image_counts_for_the_class_that_it_shows_most() -> None:
    weights = np.array([[1, 0, 0], [0.2, 0.7, 0.1], [0.5, 0.5, 0], [0.4, 0.3, 0.3], [0, 0, 0]])
    assert main_class(weights).tolist() == [0, 1, 0, -1, -1]


def test_the_bound_for_other_class_shares_meets_the_law_for_the_same() -> None:
    for k in (1, 5, 12):
        exact = p_value(k, 800, 400, 1)
        assert p_value(k, 800, 400, 1, 1 + 1e-9) == pytest.approx(exact, rel=0.01)


def test_a_set_of_a_rare_class_with_a_law_of_its_own_keeps_the_level() -> None:
    """All that ever comes near is in the rare class, a tenth of the real images, all of the set."""
    rng = np.random.default_rng(4)
    real_labels = np.repeat([1, 0], [40, 360])
    p_values = []
    for _ in range(300):
        real = np.r_[rng.random(40) ** 2, 1 + rng.random(360)]
        found = counted(rng.random(300) ** 2, real, np.ones(300, np.int64), real_labels)
        assert found.overall.excess == pytest.approx(10)
        p_values.append(found.p_value)
    for level in (0.0033, 0.05):
        assert_at_most(level, p_values)


def test_the_excess_is_that_of_the_most_overstated_class() -> None:
    real = np.repeat([0, 1], [90, 10])

    def excess(*labels: int) -> float:
        return excess_share(class_weights(np.array(labels), 3), real)

    assert excess(*[0] * 90, *[1] * 10) == 1
    assert excess(*[0] * 50, *[1] * 50) == pytest.approx(5)
    assert excess(*[-1] * 9) == 1
    assert excess(2) == np.inf
    assert p_value(3, 9, 100, 1, np.inf) == 1


def test_a_rare_class_asked_for_as_mixtures_counts_by_its_weight() -> None:
    real = np.repeat([0, 1], [90, 10])
    mixtures = np.tile([0.01, 0.99], (50, 1))
    assert excess_share(mixtures, real) == pytest.approx(9.9)
    half = np.concatenate([class_weights(np.zeros(50, np.int64), 2), np.tile([0.5, 0.5], (50, 1))])
    assert excess_share(half, real) == pytest.approx(2.5)


def test_adding_mixtures_of_a_rare_class_never_lowers_what_the_set_must_answer_for() -> None:
    """Labelled images of the class alone, and with more of it as mixtures beside."""
    real = np.repeat([0, 1], [90, 10])
    labelled = class_weights(np.repeat([0, 1], [80, 20]), 2)
    beside = np.concatenate([labelled, np.tile([0.05, 0.95], (30, 1))])
    assert excess_share(beside, real) > excess_share(labelled, real) > 1
