from __future__ import annotations

import numpy as np
import pytest

from release.gate.checks.white_box import judge
from release.gate.policy import Policy
from release.gate.public_result import percent
from release.stats.fisher import members_by_rank, p_value
from release.stats.power import detectable_share

LEVEL, RATES = Policy().alpha, Policy().false_positive_rates


@pytest.mark.parametrize(("num_members", "num_others"), [(40, 40), (640, 600), (300, 5_000)])
def test_the_audit_detects_the_share_of_memorised_patients_that_it_claims(
    num_members: int, num_others: int
) -> None:
    """Wherever the other patients score."""
    share = detectable_share(num_members, num_others, 1, LEVEL, RATES)
    memorised = round(share * num_members)
    member = np.repeat([True, False], [num_members, num_others])
    for seed in range(5):
        scores = np.random.default_rng(seed).random(len(member)) - (0.5 * member * (seed % 2))
        scores[:memorised] += 2
        leaking = judge({"loss": scores}, member, Policy())
        assert leaking.p_value is not None
        assert leaking.p_value < Policy().alpha
        assert not leaking.public["weights_can_be_released"]


def test_an_audit_of_too_few_patients_keeps_the_weights() -> None:
    """Fair draws need nine of nine to show at this level."""
    assert detectable_share(640, 640, 1, LEVEL, RATES) == pytest.approx(9 / 640, abs=1e-4)
    few = np.arange(400) % 2 == 0
    silent = judge({"elbo": np.random.default_rng(0).random(400)}, few, Policy())
    assert silent.public["min_detectable_share"] == 9 / 200
    assert silent.p_value is not None
    assert silent.p_value > Policy().alpha
    assert not silent.public["weights_can_be_released"]
    assert "might not" in silent.text


@pytest.mark.parametrize("num_patients", [400, 5_000])
def test_the_text_promises_no_more_than_the_number(num_patients: int) -> None:
    included = np.arange(num_patients) % 2 == 0
    silent = judge({"elbo": np.random.default_rng(0).random(num_patients)}, included, Policy())
    assert f"if {percent(silent.public['min_detectable_share'])} of" in silent.text


def test_a_leaking_model_keeps_its_weights_and_only_warns_of_samples() -> None:
    included = np.arange(1400) < 700
    blind = np.random.default_rng(0).normal(size=1400)
    leaking = judge({"elbo": blind + included}, included, Policy())
    silent = judge({"elbo": blind}, included, Policy())
    assert not leaking.public["weights_can_be_released"]
    assert silent.public["weights_can_be_released"]
    assert leaking.decision == silent.decision == "reported"


def test_a_model_that_knows_everybody_a_little_keeps_its_weights() -> None:
    """No tail is heavy, but ranks show it: the chance that a member scores higher is 0.57."""
    included = np.arange(1600) < 800
    blind = np.random.default_rng(0).normal(size=1600)
    leaking = judge({"density": blind + 0.25 * included}, included, Policy())
    by_rank = members_by_rank(blind + 0.25 * included, included)
    tails = 2 * min(p_value(by_rank, rate) for rate in (0.002, 0.01))
    assert tails > Policy().alpha / 8
    assert not leaking.public["weights_can_be_released"]


def test_a_score_that_is_lower_for_members_withholds_the_weights_too() -> None:
    included = np.arange(1600) < 800
    blind = np.random.default_rng(0).normal(size=1600)
    leaking = judge({"density": blind - 0.3 * included}, included, Policy())
    assert not leaking.public["weights_can_be_released"]
    assert leaking.p_value is not None
    assert leaking.p_value < Policy().alpha


def test_an_audit_names_every_score_that_it_asked() -> None:
    included = np.arange(1600) < 800
    scores = {name: np.random.default_rng(0).normal(size=1600) for name in ("prior", "denoiser")}
    assert judge(scores, included, Policy()).public["asked"] == ["denoiser", "prior"]
