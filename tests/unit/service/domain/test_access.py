from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain.access import Clearance
from service.domain.records import ArtifactRef, ExaminedSet, Model, Outcome, Verdict

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
PASSED, REFUSED = Verdict(Outcome.PASSED), Verdict(Outcome.REFUSED, "memorises")
SET = ExaminedSet("syn_1", "mdl_1", "ds_1", 1, (REFUSED,), {}, NOW)
PRIVATE = {"differential_privacy": {"label": "certified-dp(3, 1e-05, patient)"}}


def audited(*, may_leave: bool) -> dict[str, Any]:
    public = {"weights_may_leave": may_leave, "min_detectable_share": 0.014, "asked": ["elbo"]}
    return {"white_box": {"text": "What the audit found.", "public": public}}


def clearance(*sets: ExaminedSet, **card: Any) -> Clearance:
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
        ({"white_box": None}, "audit pool holds too few patients"),
        ({}, "audit pool holds too few patients"),
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
    others = [replace(SET, id=f"syn_{k}", verdicts=(PASSED,)) for k in (2, 3)]
    assert clearance(*others, **card).may_leave
    kept = clearance(SET, *others, **card)
    assert not kept.may_leave
    assert "syn_1" in kept.text


def test_a_refusal_stands_though_the_set_was_released_before_or_passed_since() -> None:
    for verdicts in ((PASSED, REFUSED), (REFUSED, PASSED)):
        kept = clearance(replace(SET, verdicts=verdicts), **audited(may_leave=True))
        assert not kept.may_leave
