"""What can be examined well enough is known from the patients alone."""

from __future__ import annotations

import numpy as np
import pytest

from release.gate.copy_counts import Count
from release.gate.policy import Policy
from release.gate.power import detectable_copy_rate
from release.gate.power_limits import PowerLimits, power_limits

POLICY = Policy()
CLASSES = ("COVID", "Normal", "Viral Pneumonia")
OF_MAIN_SET = (618, 3959, 882)  # patients to learn from and to compare with
HELD_OUT = 824


def limits_of(counts: tuple[int, ...], held_out: int) -> PowerLimits:
    labels = np.repeat(np.arange(len(counts)), counts)
    patients = np.arange(len(labels))
    order = np.random.default_rng(0).permutation(len(labels))
    return power_limits(labels, patients, order >= held_out, CLASSES, POLICY)


@pytest.fixture(scope="module")
def limits() -> PowerLimits:
    return limits_of(OF_MAIN_SET, HELD_OUT)


def test_shares_are_those_of_the_patients(limits: PowerLimits) -> None:
    assert limits.class_shares == {"COVID": 0.113, "Normal": 0.725, "Viral Pneumonia": 0.162}


def test_a_larger_set_may_show_a_class_more_often(limits: PowerLimits) -> None:
    excess = [each for _, each in limits.max_excess]
    assert excess == sorted(excess)
    assert excess[0] > 1


def test_at_the_limit_copies_are_detected_as_policy_asks_and_beyond_it_not(
    limits: PowerLimits,
) -> None:
    num, excess = limits.max_excess[0]
    tests = 9  # three classes and all together, at the ranks that differ
    for factor, suffices in ((1.0, True), (1.3, False)):
        count = Count(num, sum(OF_MAIN_SET), (5,), (0,), factor * excess)
        rate = detectable_copy_rate(count, POLICY.alpha / 3 / tests, 0.888)
        assert (rate <= POLICY.max_mdcr_of_set) is suffices


def test_of_few_patients_no_set_can_pass() -> None:
    few = limits_of((60, 400, 90), 80)
    assert few.membership[0] > few.max_membership
    assert few.max_excess == ()


def test_a_later_release_needs_more(limits: PowerLimits) -> None:
    alone, later = limits.membership
    assert alone <= later


def test_images_of_one_patient_count_once() -> None:
    once = limits_of(OF_MAIN_SET, HELD_OUT)
    labels = np.repeat(np.arange(3), OF_MAIN_SET)
    order = np.random.default_rng(0).permutation(len(labels))
    twice = power_limits(
        np.tile(labels, 2),
        np.tile(np.arange(len(labels)), 2),
        np.tile(order >= HELD_OUT, 2),
        CLASSES,
        POLICY,
    )
    assert twice.membership == once.membership
    assert twice.class_shares == once.class_shares
