from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from structlog.testing import capture_logs

from release.gate.verdict import Verdict
from service.domain.caller import WEIGHTS_READ, Caller
from service.domain.records import ArtifactRef, Model, SyntheticSet
from tests.sample_records import model_card, white_box_audit

WEIGHTS = b"0123456789"
CARD = model_card(weights_sha256=sha256(WEIGHTS).hexdigest(), white_box=white_box_audit())


@pytest.fixture
def model(scene: Any) -> Model:
    """A model whose weights can be released, and a caller with the scope for them."""
    scene.app.state.context = replace(scene.context, caller=Caller.without_key(WEIGHTS_READ))
    model: Model = scene.model(card=CARD)
    path = scene.context.artifacts.path(model.snapshot.key)
    path.parent.mkdir(parents=True)
    path.write_bytes(WEIGHTS)
    return model


def weights(scene: Any, model: Model, **headers: str) -> Any:
    return scene.client.get(f"/models/{model.id}/weights", headers=headers)


def test_cleared_weights_come_whole_with_a_link_to_what_clears_them(
    scene: Any, model: Model
) -> None:
    answer = weights(scene, model)
    assert (answer.status_code, answer.content) == (200, WEIGHTS)
    assert answer.headers["etag"] == f'"{sha256(WEIGHTS).hexdigest()}"'
    assert answer.headers["cache-control"] == "private, immutable, max-age=31536000"
    assert f"{model.id}.safetensors" in answer.headers["content-disposition"]
    link = answer.headers["link"]
    assert link == f'</models/{model.id}/audit>; rel="describedby"'
    shown = scene.client.get(f"/models/{model.id}/audit").json()
    assert (shown["weights"]["cleared"], shown["weights"]["ground"]) == (True, "white_box_audit")
    assert shown["white_box"]["min_detectable_share"] == 0.0141
    assert "not for diagnosis" in shown["weights"]["notice"]


def test_they_can_be_had_in_part_and_not_twice(scene: Any, model: Model) -> None:
    part = weights(scene, model, Range="bytes=2-4")
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"
    scene.refused(weights(scene, model, Range="bytes=10-"), 416, "range_not_satisfiable")
    again = weights(scene, model, **{"If-None-Match": part.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_without_the_scope_no_weights_leave_however_harmless(scene: Any, model: Model) -> None:
    scene.app.state.context = replace(scene.context, caller=Caller.without_key("private:read"))
    answer = weights(scene, model)
    scene.refused(answer, 403, "scope_missing")
    assert WEIGHTS_READ in answer.json()["detail"]


def test_weights_that_leak_membership_are_not_released(scene: Any, model: Model) -> None:
    leaks = white_box_audit(passed=False, text="Members score higher.")
    leaking = scene.model(card=replace(CARD, white_box=leaks))
    answer = weights(scene, leaking)
    scene.refused(answer, 409, "weights_not_cleared")
    assert "Members score higher." in answer.json()["detail"]
    shown = scene.client.get(f"/models/{leaking.id}/audit").json()["weights"]
    assert (shown["cleared"], shown["ground"]) == (False, None)


def test_a_refused_set_keeps_the_weights_even_when_it_is_deleted(scene: Any, model: Model) -> None:
    made = SyntheticSet(
        id="syn_1",
        model_id=model.id,
        job_id="job_1",
        num_images=0,
        class_counts={},
        zip=None,
        manifest=None,
        created_at=scene.context.clock.now(),
        dataset_id=model.dataset_id,
        verdict=Verdict("refused", "memorises"),
        report=ArtifactRef("synthetic-sets/syn_1-0/report.html", "0" * 64, 1),
        findings=ArtifactRef("synthetic-sets/syn_1-0/findings.json", "1" * 64, 1),
    )
    scene.synthetic_set(made)
    scene.refused(weights(scene, model), 409, "weights_not_cleared")
    assert scene.client.delete("/synthetic-sets/syn_1").status_code == 204
    scene.refused(weights(scene, model), 409, "weights_not_cleared")
    [audited] = scene.client.get(f"/models/{model.id}/audit").json()["sets"]
    assert audited["verdict"]["code"] == "memorises"


def test_weights_whose_file_is_gone_are_missing(scene: Any, model: Model) -> None:
    scene.context.artifacts.path(model.snapshot.key).unlink()
    scene.refused(weights(scene, model), 404, "artifact_missing")


def test_an_unknown_model_has_none(scene: Any, model: Model) -> None:
    scene.refused(weights(scene, replace(model, id="mdl_none")), 404, "model_not_found")


def test_that_weights_left_is_logged_with_whom_they_went_to(scene: Any, model: Model) -> None:
    with capture_logs() as lines:
        weights(scene, model)
    [line] = [line for line in lines if line["event"] == "weights handed out"]
    assert (line["model_id"], line["client"]) == (model.id, "127.0.0.1")
    assert line["sha256"] == CARD.weights_sha256
