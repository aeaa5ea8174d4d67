from __future__ import annotations

import numpy as np
import pytest

from release.films import LabelledFilms
from release.policy import Policy
from release.privacy.copies import p_value
from release.privacy.power import Power, detectable_copy_rate

POLICY = Policy()


def held_out(num_patients: int, films_each: int = 1) -> LabelledFilms:
    n = num_patients * films_each
    patients = np.repeat(np.arange(num_patients), films_each)
    return LabelledFilms(np.zeros((n, 2, 2), np.uint8), (patients % 10 == 0).astype(int), patients)


@pytest.mark.parametrize("num_patients", [100, 640, 1900])
@pytest.mark.parametrize(("num_metrics", "factor"), [(1, 5.7), (4, 7.1)])
def test_the_rate_is_the_known_factor_over_the_patients(
    num_patients: int, num_metrics: int, factor: float
) -> None:
    rate = detectable_copy_rate(num_patients, num_metrics, POLICY)
    assert rate == pytest.approx(factor / num_patients, rel=0.04)


@pytest.mark.parametrize("num_metrics", [1, 4])
def test_a_large_set_is_refused_just_above_the_rate_and_passes_just_below(
    num_metrics: int,
) -> None:
    num_films, m = 1_000_000, 640
    rate = detectable_copy_rate(m, num_metrics, POLICY)
    level = POLICY.alpha / 3 / num_metrics
    assert p_value(round(1.01 * rate * num_films), num_films, m, POLICY.flag_share) < level
    assert p_value(round(0.99 * rate * num_films), num_films, m, POLICY.flag_share) > level


def test_patients_count_and_not_their_films() -> None:
    assert (
        Power.of(held_out(300, 3), ("a", "b"), 1, POLICY).mdcr
        == Power.of(held_out(300), ("a", "b"), 1, POLICY).mdcr
    )


def test_a_class_has_the_power_of_its_own_patients() -> None:
    power = Power.of(held_out(640), ("common", "rare", "absent"), 1, POLICY)
    assert power.by_class["rare"] == detectable_copy_rate(64, 1, POLICY)
    assert power.by_class["absent"] == 1
    assert power.mdcr < power.by_class["common"] < power.by_class["rare"]


@pytest.mark.parametrize(("num_patients", "num_metrics"), [(475, 4), (380, 1)])
def test_policy_asks_for_enough_patients(num_patients: int, num_metrics: int) -> None:
    def suffices(patients: int) -> bool:
        return Power.of(held_out(patients), ("a", "b"), num_metrics, POLICY).suffices

    assert suffices(num_patients)
    assert not suffices(num_patients - 10)


def test_too_little_power_is_inconclusive() -> None:
    finding = Power.of(held_out(50), ("a", "b"), 1, POLICY).finding()
    assert (finding.decision, finding.code) == ("inconclusive", "power")


@pytest.mark.parametrize(
    ("excess", "decision"), [(1, "passed"), (4, "passed"), (8, "inconclusive")]
)
def test_a_set_that_shows_a_rare_class_too_often_is_beyond_the_power(
    excess: float, decision: str
) -> None:
    """640 patients find 0.9 % of copies; of a class shown eight times as often, 7 % at best."""
    finding = Power.of(held_out(640), ("a", "b"), 1, POLICY).finding(excess)
    assert finding.decision == decision
    assert finding.code == (None if decision == "passed" else "power")


def test_of_a_class_that_nobody_held_out_has_nothing_can_be_said() -> None:
    finding = Power.of(held_out(640), ("a", "b"), 1, POLICY).finding(np.inf)
    assert finding.decision == "inconclusive"
    assert finding.public["mdcr_of_set"] == 1
