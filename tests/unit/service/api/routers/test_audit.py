"""What the audit log says of requests: private reads, releases, refusals and deletions."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from service.api import disclosure
from service.domain.audit import (
    EXAMINE_SET,
    FINISH_DELETION,
    ROTATE_SIGNING_KEYS,
    SET_POLICY,
    AuditEntry,
)
from service.domain.caller import DEFAULT_TENANT, PRIVATE_READ, WEIGHTS_READ, Caller, Scope
from service.domain.job import EventKind
from service.domain.records import DroppedFile, Model
from tests.sample_records import model_card, white_box_audit


@pytest.fixture(autouse=True)
def _fresh_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disclosure, "_recent", disclosure.RecentRefusals())


def as_caller(scene: Any, *scopes: Scope) -> None:
    scopes_held = Caller.without_key(*scopes).scopes
    caller = Caller("key_steward", scopes=scopes_held)
    scene.app.state.context = replace(scene.context, caller=caller)


def entries(scene: Any) -> list[AuditEntry]:
    """What was written for the caller's tenant since the start, oldest first."""
    return [each for each in scene.store.audit[DEFAULT_TENANT] if each.action != SET_POLICY]


def summaries(scene: Any) -> list[tuple[str, str | None, str]]:
    return [(entry.action, entry.target, entry.outcome) for entry in entries(scene)]


def test_polls_and_public_reads_are_not_recorded(scene: Any) -> None:
    as_caller(scene)
    model = scene.model()
    for path in ("/jobs", f"/jobs/{model.job_id}", f"/jobs/{model.job_id}/events", "/models"):
        assert scene.client.get(path).status_code == 200
    for path in (f"/models/{model.id}", f"/datasets/{model.dataset_id}", "/datasets", "/audit"):
        assert scene.client.get(path).status_code == 200
    assert scene.client.get("/models/mdl_none").status_code == 404
    assert entries(scene) == []


def test_private_fields_of_datasets_and_models_are_recorded_for_each(scene: Any) -> None:
    as_caller(scene, PRIVATE_READ)
    model = scene.model()
    scene.dataset(dropped=(DroppedFile("DOE-JANE.png", "It is blank.", "blank"),))
    scene.client.get("/datasets")
    scene.client.get(f"/models/{model.id}")
    actions = [(action, target) for action, target, _ in summaries(scene)]
    assert len(actions) == 3
    assert ("list_datasets", model.dataset_id) in actions
    assert actions[-1] == ("get_model", model.id)
    [first, *_] = entries(scene)
    assert (first.actor, first.tenant, first.origin) == ("key_steward", DEFAULT_TENANT, "127.0.0.1")
    assert "DOE" not in str(entries(scene))


def test_previews_are_recorded_once_a_read_and_only_where_they_are_shown(scene: Any) -> None:
    as_caller(scene, PRIVATE_READ)
    phantom = {"class_counts": {"normal": 8, "effusion": 8}, "image_size": 64, "seed": 1}
    job_id = scene.client.post("/datasets", json={"phantom": phantom}).json()["id"]
    claim = scene.claimed(job_id).claim_held
    log = f"/jobs/{job_id}/events"
    scene.client.get(log)
    assert entries(scene) == []
    sample = (EventKind.SAMPLE, {"png_base64": "aW1hZ2U=", "images_seen": 1})
    scene.records.jobs.record(claim, events=[sample, sample])
    scene.client.get(log)
    assert summaries(scene) == [("list_events", job_id, "done")]
    scene.records.jobs.request_cancel(job_id)
    scene.records.jobs.finish_cancelled(claim)
    with scene.client.stream("GET", log, headers={"Accept": "text/event-stream"}) as stream:
        assert "aW1hZ2U=" in stream.read().decode()
    assert summaries(scene) == [("list_events", job_id, "done")] * 2
    as_caller(scene)
    scene.client.get(log)
    assert len(entries(scene)) == 2


def test_a_refusal_is_recorded_with_its_code_and_repeated_once_a_minute(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_caller(scene)
    model = scene.model()
    for _ in range(5):
        answer = scene.client.get(f"/models/{model.id}/samples.png")
        scene.refused(answer, 403, "scope_missing")
    assert summaries(scene) == [("get_model_samples", model.id, "scope_missing")]
    monkeypatch.setattr(disclosure, "REPEAT_SECONDS", 0.0)
    scene.client.get(f"/models/{model.id}/samples.png")
    assert len(entries(scene)) == 2


def test_what_a_client_typed_never_enters_the_log(scene: Any) -> None:
    scene.app.state.context = replace(
        scene.context, caller=Caller("key_1", scopes=frozenset({"datasets"}))
    )
    for query in ("/audit?cursor=DOE-JANE", "/audit", "/audit/head"):
        scene.client.get(query, headers={"X-Request-ID": "DOE-JANE", "User-Agent": "DOE-JANE"})
    body = {"path": "/radiographs/DOE-JANE", "name": "DOE-JANE"}
    scene.refused(scene.client.post("/datasets", json=body), 403, "path_not_allowed")
    assert ("create_dataset", None, "path_not_allowed") in summaries(scene)
    assert "DOE" not in str(entries(scene))


@pytest.fixture
def cleared(scene: Any) -> Model:
    """A model whose weights and sample sheet are there."""
    as_caller(scene, WEIGHTS_READ, PRIVATE_READ)
    model: Model = scene.model(card=model_card(white_box=white_box_audit()))
    path = scene.context.artifacts.path(model.snapshot.key)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    (path.parent / "samples.png").write_bytes(b"samples")
    return model


def test_weights_and_samples_are_recorded_when_they_are_sent_and_not_for_304(
    scene: Any, cleared: Model
) -> None:
    weights, samples = (f"/models/{cleared.id}/{name}" for name in ("weights", "samples.png"))
    answer = scene.client.get(weights)
    assert answer.status_code == 200
    again = scene.client.get(weights, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert scene.client.get(samples).status_code == 200
    assert [action for action, *_ in summaries(scene)] == ["get_model_weights", "get_model_samples"]


def test_nothing_private_is_sent_that_cannot_be_recorded(
    scene: Any, cleared: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> None:
        raise disclosure.RecordsUnavailable("The database is away.")

    monkeypatch.setattr(type(scene.records.audit), "append", unavailable)
    for path in ("weights", "samples.png", ""):
        answer = scene.client.get(f"/models/{cleared.id}/{path}".rstrip("/"))
        scene.refused(answer, 503, "records_unavailable")


def test_the_log_needs_the_scope_admin_and_shows_one_s_own_tenant(scene: Any) -> None:
    as_caller(scene, PRIVATE_READ)
    model = scene.model()
    scene.client.get(f"/models/{model.id}")
    page = scene.client.get("/audit").json()
    assert [item["action"] for item in page["items"]] == ["get_model", SET_POLICY]
    head = scene.client.get("/audit/head").json()
    assert json.loads(base64.b64decode(head["payload"]))["digest"] == page["items"][0]["digest"]
    scene.app.state.context = replace(scene.context, caller=Caller("key_2", "another"))
    assert scene.client.get("/audit").json()["items"] == []
    scene.app.state.context = replace(
        scene.context, caller=Caller("key_3", scopes=frozenset({PRIVATE_READ}))
    )
    for path in ("/audit", "/audit/head"):
        scene.refused(scene.client.get(path), 403, "scope_missing")


def test_every_action_is_an_operation_or_one_of_the_service_s_own(scene: Any) -> None:
    """So that what an entry says can be looked up."""
    document = yaml.load(Path("openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    operations = {op["operationId"] for item in document["paths"].values() for op in item.values()}
    assert not operations & {EXAMINE_SET, FINISH_DELETION, SET_POLICY, ROTATE_SIGNING_KEYS}
    as_caller(scene, PRIVATE_READ)
    model = scene.model()
    for path in ("/datasets", "/models", f"/models/{model.id}"):
        scene.client.get(path)
    scene.client.delete(f"/models/{model.id}")
    actions = {entry.action for entry in entries(scene)}
    assert actions - {FINISH_DELETION} <= operations


def test_the_release_policy_is_recorded_at_start(scene: Any) -> None:
    [entry] = scene.store.audit["default"]
    assert (entry.actor, entry.action) == ("operator", SET_POLICY)
    assert httpx.get(f"{scene.client.base_url}/healthz").status_code == 200


class Deleted:
    """Shorthand for what a deletion answered."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.body = answer.json()

    def kinds(self, part: str) -> set[tuple[str, str]]:
        return {(each["kind"], each["id"]) for each in self.body[part]}


def test_a_deleted_model_leaves_a_receipt_that_can_be_read_again(
    scene: Any, cleared: Model
) -> None:
    gone = Deleted(scene.client.delete(f"/models/{cleared.id}"))
    assert ("model", cleared.id) in gone.kinds("removed")
    assert ("job", cleared.job_id) in gone.kinds("removed")
    assert scene.client.get(f"/deletions/{gone.body['id']}").json() == gone.body
    assert scene.client.get("/deletions").json()["items"] == [gone.body]
    payload = json.loads(base64.b64decode(gone.body["receipt"]["payload"]))
    assert payload["deleted"] == {"kind": "model", "id": cleared.id}
    for path in ("", "/weights", "/samples.png", "/audit"):
        answer = scene.client.get(f"/models/{cleared.id}{path}")
        scene.refused(answer, 404, "model_not_found")
    scene.refused(scene.client.delete(f"/models/{cleared.id}"), 404, "model_not_found")
    scene.refused(scene.client.get("/deletions/del_none"), 404, "deletion_not_found")
    request = {"model_id": cleared.id, "class_counts": {"normal": 1}}
    scene.refused(scene.client.post("/generate", json=request), 404, "model_not_found")


def test_a_model_in_use_is_not_deleted(scene: Any, cleared: Model) -> None:
    request = {"model_id": cleared.id, "class_counts": {"normal": 1}}
    job = scene.client.post("/generate", json=request).json()
    scene.refused(scene.client.delete(f"/models/{cleared.id}"), 409, "model_in_use")
    scene.client.post(f"/jobs/{job['id']}/cancel")
    Deleted(scene.client.delete(f"/models/{cleared.id}"))


def test_a_dataset_goes_with_its_models_where_that_is_asked_for(scene: Any, cleared: Model) -> None:
    weights = scene.context.artifacts.path(cleared.snapshot.key)
    gone = Deleted(scene.client.delete(f"/datasets/{cleared.dataset_id}?cascade=true"))
    assert {("dataset", cleared.dataset_id), ("model", cleared.id)} <= gone.kinds("removed")
    assert not weights.parent.exists()
    for path in ("jobs", "models", "datasets", "synthetic-sets"):
        assert scene.client.get(f"/{path}").json()["items"] == []


def test_keys_are_recorded_when_they_are_made_rotated_and_revoked(scene: Any) -> None:
    as_caller(scene)
    made = scene.client.post("/keys", json={"name": "DOE-JANE", "scopes": ["train"]}).json()
    scene.client.post(f"/keys/{made['id']}/rotate")
    scene.client.delete(f"/keys/{made['id']}")
    actions = [(action, target) for action, target, _ in summaries(scene)]
    assert actions == [(f"{what}_key", made["id"]) for what in ("create", "rotate", "revoke")]
    assert {entry.origin for entry in entries(scene)} == {"127.0.0.1"}
    assert "DOE" not in str(entries(scene))


def test_who_shows_no_key_is_recorded_as_unknown_and_who_lacks_a_scope_by_name(
    guarded: Any,
) -> None:
    url = str(guarded.client.base_url)
    assert httpx.get(f"{url}/datasets").status_code == 401
    [*_, entry] = guarded.store.audit[DEFAULT_TENANT]
    assert (entry.actor, entry.action, entry.outcome) == (
        "unknown",
        "list_datasets",
        "unauthenticated",
    )
