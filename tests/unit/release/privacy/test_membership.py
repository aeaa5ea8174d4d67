from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from release.metrics.metric import Neighbours
from release.policy import Policy
from release.privacy.exact import members_by_rank, smallest_p_value
from release.privacy.membership import membership
from release.privacy.roc import auc, roc
from release.privacy.scores import attack_scores
from release.privacy.white_box import detectable_share, rank_p_value, white_box

MEMBER = np.arange(900) < 700


def drawn(shift: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift * MEMBER, 1)


def test_the_area_is_that_of_scikit_learn() -> None:
    scores = drawn(0.5)
    assert auc(members_by_rank(scores, MEMBER)) == pytest.approx(roc_auc_score(MEMBER, scores))


def test_the_curve_of_a_blind_attack_is_the_diagonal_within_its_band() -> None:
    curve = roc(members_by_rank(drawn(0), MEMBER))
    assert curve.auc.low < 0.5 < curve.auc.high
    inside = (curve.low - 0.02 <= curve.fpr) & (curve.fpr <= curve.high + 0.02)
    assert inside.mean() > 0.9
    assert (np.diff(curve.tpr) >= 0).all()


def test_an_attack_that_knows_everything_finds_all_members_without_alarm() -> None:
    curve = roc(members_by_rank(MEMBER.astype(float), MEMBER))
    assert curve.auc.value == curve.tpr_at_low_fpr.value == 1


def test_intervals_of_the_area_hold_the_truth_as_often_as_they_say() -> None:
    held = [
        (curve := roc(members_by_rank(drawn(0, seed), MEMBER))).auc.low <= 0.5 <= curve.auc.high
        for seed in range(20)
    ]
    assert np.mean(held) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 20)


def test_every_score_rises_as_a_synthetic_image_comes_nearer() -> None:
    distances = np.array([[0.1, 1, 1], [0.5, 1, 1], [1, 1, 1]], np.float32)
    near = Neighbours(distances, np.zeros((3, 3), np.int64))
    for scores in attack_scores(near, np.ones(3)).values():
        assert (np.diff(scores) <= 0).all()
        assert scores[0] > scores[2]


def test_scores_do_not_depend_on_the_unit_of_distance() -> None:
    rng = np.random.default_rng(0)
    distances = np.sort(rng.random((5, 20)), 1).astype(np.float32)
    places = np.zeros((5, 20), np.int64)
    one = attack_scores(Neighbours(distances, places), np.ones(5))
    other = attack_scores(Neighbours(4 * distances, places), np.full(5, 4.0))
    for name, scores in one.items():
        assert scores == pytest.approx(other[name], rel=1e-5)


def test_a_set_that_tells_its_members_is_refused() -> None:
    finding, curve = membership({"pixels": {"nearest": drawn(1.0)}}, MEMBER, Policy())
    assert (finding.decision, finding.code) == ("refused", "membership")
    assert curve.auc.low > 0.5


def test_blind_scores_pass_and_share_the_level() -> None:
    blind = {"pixels": {"nearest": drawn(0, 1), "ratio": drawn(0, 2)}}
    once, _ = membership(blind, MEMBER, Policy())
    twice, _ = membership(blind, MEMBER, Policy(), num_sets=2)
    assert once.decision == "passed"
    assert once.p_value is not None
    assert twice.p_value == min(1.0, 2 * once.p_value)


def test_the_strongest_attack_is_the_one_reported() -> None:
    scores = {"pixels": {"nearest": drawn(0)}, "copy": {"nearest": drawn(1)}}
    finding, curve = membership(scores, MEMBER, Policy())
    assert finding.private["strongest"] == "copy/nearest"
    assert curve.auc.value == pytest.approx(roc_auc_score(MEMBER, drawn(1)))


@pytest.mark.parametrize(("num_members", "num_others"), [(40, 40), (640, 600), (300, 5_000)])
def test_the_audit_tells_the_share_known_by_heart_that_it_says_it_would(
    num_members: int, num_others: int
) -> None:
    """Wherever the other patients score."""
    share = detectable_share(num_members, num_others, 1, Policy())
    known = round(share * num_members)
    member = np.repeat([True, False], [num_members, num_others])
    for seed in range(5):
        scores = np.random.default_rng(seed).random(len(member)) - (0.5 * member * (seed % 2))
        scores[:known] += 2
        told = white_box({"loss": scores}, member, Policy())
        assert told.p_value is not None
        assert told.p_value < Policy().alpha
        assert not told.public["weights_may_leave"]


def test_an_audit_of_too_few_patients_keeps_the_weights() -> None:
    """Fair draws need nine of nine to show at this level."""
    assert detectable_share(640, 640, 1, Policy()) == pytest.approx(9 / 640, abs=1e-4)
    few = np.arange(400) % 2 == 0
    silent = white_box({"elbo": np.random.default_rng(0).random(400)}, few, Policy())
    assert silent.public["min_detectable_share"] == 9 / 200
    assert silent.p_value is not None
    assert silent.p_value > Policy().alpha
    assert not silent.public["weights_may_leave"]
    assert "might not" in silent.text


def test_nobody_is_sure_to_be_told_among_a_handful() -> None:
    assert detectable_share(3, 3, 1, Policy()) == 1.0


def test_a_telling_model_keeps_its_weights_and_only_warns_of_samples() -> None:
    coins = np.arange(1400) < 700
    blind = np.random.default_rng(0).normal(size=1400)
    told = white_box({"elbo": blind + coins}, coins, Policy())
    silent = white_box({"elbo": blind}, coins, Policy())
    assert not told.public["weights_may_leave"]
    assert silent.public["weights_may_leave"]
    assert told.decision == silent.decision == "reported"


def test_a_model_that_knows_everybody_a_little_keeps_its_weights() -> None:
    """No tail is heavy, but ranks show it: the chance that a member scores higher is 0.57."""
    coins = np.arange(1600) < 800
    blind = np.random.default_rng(0).normal(size=1600)
    told = white_box({"density": blind + 0.25 * coins}, coins, Policy())
    tails = smallest_p_value(members_by_rank(blind + 0.25 * coins, coins), (0.002, 0.01))
    assert tails > Policy().alpha / 8
    assert not told.public["weights_may_leave"]


def test_a_score_that_tells_upside_down_keeps_the_weights_too() -> None:
    coins = np.arange(1600) < 800
    blind = np.random.default_rng(0).normal(size=1600)
    told = white_box({"density": blind - 0.3 * coins}, coins, Policy())
    assert not told.public["weights_may_leave"]
    assert told.p_value is not None
    assert told.p_value < Policy().alpha


def test_an_audit_names_every_score_that_it_asked() -> None:
    coins = np.arange(1600) < 800
    scores = {name: np.random.default_rng(0).normal(size=1600) for name in ("prior", "denoiser")}
    assert white_box(scores, coins, Policy()).public["asked"] == ["denoiser", "prior"]


def test_more_scores_need_more_patients_known_by_heart() -> None:
    shares = [detectable_share(800, 800, num_scores, Policy()) for num_scores in (1, 4, 16)]
    assert shares == sorted(shares)
    assert shares[0] < shares[2]


@pytest.mark.parametrize("seed", range(3))
def test_ranks_of_exchangeable_scores_tell_nothing_at_their_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = [rank_p_value(rng.permutation(np.arange(200) < 90)) for _ in range(300)]
    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=0.06)
