from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain.clearance import Clearance
from service.domain.references import ArtifactRef, Model, SyntheticSet
from service.domain.verdict import Outcome, Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = Model(
    id="mdl_1",
    family="vae",
    dataset_id="ds_1",
    classes=("normal", "effusion"),
    image_size=64,
    config={},
    preset="tiny",
    images_seen=100,
    snapshot=ArtifactRef("models/mdl_1/snapshot.safetensors", "a" * 64, 3),
    job_id="job_1",
    created_at=NOW,
)
SET = SyntheticSet("syn_1", "mdl_1", "job_2", 0, {}, None, None, NOW)
PRIVATE = {"differential_privacy": {"label": "certified-dp(3, 1e-05, patient)"}}


def audited(*, may_leave: bool) -> dict[str, Any]:
    public = {"weights_may_leave": may_leave, "min_detectable_share": 0.014, "asked": ["elbo"]}
    return {"white_box": {"text": "What the audit found.", "public": public}}


def clearance(*sets: SyntheticSet, **card: Any) -> Clearance:
    return Clearance.of(replace(MODEL, card={"weights_sha256": "b" * 64, **card}), sets)


def test_weights_leave_by_an_audit_that_found_nothing_and_would_have() -> None:
    cleared = clearance(**audited(may_leave=True))
    assert (cleared.may_leave, cleared.ground) == (True, "white_box_audit")
    assert "not every attack" in cleared.text


def test_weights_leave_by_differential_privacy_without_an_audit() -> None:
    cleared = clearance(white_box=None, **PRIVATE)
    assert cleared.ground == "differential_privacy"
    assert "certified-dp(3, 1e-05, patient)" in cleared.text


@pytest.mark.parametrize(
    ("card", "why"),
    [
        (audited(may_leave=False), "What the audit found."),
        ({"white_box": None}, "too few patients had a coin"),
        ({}, "too few patients had a coin"),
    ],
)
def test_weights_stay_where_nothing_lets_them_go_and_the_way_out_is_named(
    card: dict[str, Any], why: str
) -> None:
    kept = clearance(**card)
    assert not kept.may_leave
    assert why in kept.text
    assert "differential privacy" in kept.text


@pytest.mark.parametrize("card", [audited(may_leave=True), PRIVATE])
def test_one_refused_set_keeps_the_weights_whatever_the_audit_or_the_account_says(
    card: dict[str, Any],
) -> None:
    others = [replace(SET, id=f"syn_{k}", verdict=Verdict(Outcome.PASSED)) for k in (2, 3)]
    assert clearance(*others, **card).may_leave
    refused = replace(SET, verdict=Verdict(Outcome.REFUSED, "memorises"), withdrawn=True)
    kept = clearance(refused, *others, **card)
    assert not kept.may_leave
    assert "syn_1" in kept.text


def test_a_model_of_an_earlier_version_keeps_its_weights() -> None:
    old = replace(MODEL, card=audited(may_leave=True) | PRIVATE)
    assert "Train it again" in Clearance.of(old, []).text


def test_what_a_refused_set_says_of_its_model_stays_known_when_it_is_deleted() -> None:
    assert replace(SET, verdict=Verdict(Outcome.REFUSED, "scan")).stays_known
    assert not replace(SET, verdict=Verdict(Outcome.INCONCLUSIVE, "power")).stays_known
