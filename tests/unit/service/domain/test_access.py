from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from release.gate.verdict import Verdict
from service.domain.access import Clearance
from service.domain.records import ArtifactRef, ExaminedSet, Model
from tests.sample_records import model_card, privacy_account, white_box_audit

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
    card=model_card(),
)
PASSED, REFUSED = Verdict("passed"), Verdict("refused", "memorises")
SET = ExaminedSet("syn_1", "mdl_1", "ds_1", 1, (REFUSED,), {}, NOW)
PRIVATE = {"differential_privacy": privacy_account()}
AUDITED = {"white_box": white_box_audit()}
LEAKING = {"white_box": white_box_audit(passed=False)}


def clearance(*sets: ExaminedSet, **card: Any) -> Clearance:
    return Clearance.of(replace(MODEL, card=model_card(**card)), sets)


def test_weights_leave_by_an_audit_that_found_nothing_and_would_have() -> None:
    cleared = clearance(**AUDITED)
    assert (cleared.cleared, cleared.ground) == (True, "white_box_audit")
    assert "not every attack" in cleared.text


def test_weights_leave_by_differential_privacy_without_an_audit() -> None:
    cleared = clearance(**PRIVATE)
    assert cleared.ground == "differential_privacy"
    assert "certified-dp(3, 1e-05, patient)" in cleared.text


@pytest.mark.parametrize(
    ("card", "why"),
    [
        (LEAKING, "What the audit found."),
        ({}, "audit pool holds too few patients"),
    ],
)
def test_weights_stay_where_nothing_lets_them_go_and_the_way_out_is_named(
    card: dict[str, Any], why: str
) -> None:
    kept = clearance(**card)
    assert not kept.cleared
    assert why in kept.text
    assert "differential privacy" in kept.text


@pytest.mark.parametrize("card", [AUDITED, PRIVATE])
def test_one_refused_set_keeps_the_weights_whatever_the_audit_or_the_account_says(
    card: dict[str, Any],
) -> None:
    others = [replace(SET, id=f"syn_{k}", verdicts=(PASSED,)) for k in (2, 3)]
    assert clearance(*others, **card).cleared
    kept = clearance(SET, *others, **card)
    assert not kept.cleared
    assert "syn_1" in kept.text


def test_a_refusal_stands_though_the_set_was_released_before_or_passed_since() -> None:
    for verdicts in ((PASSED, REFUSED), (REFUSED, PASSED)):
        kept = clearance(replace(SET, verdicts=verdicts), **AUDITED)
        assert not kept.cleared
