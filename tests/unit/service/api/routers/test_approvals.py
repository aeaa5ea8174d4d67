"""Sets are handed out once so many people approved them as the operator asks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from release.gate.verdict import Verdict
from service.domain.approvals import APPROVE_SET
from service.domain.audit import EXAMINE_SET, AuditDraft
from service.domain.caller import RELEASE_APPROVE, Caller
from service.domain.records import ArtifactRef, SyntheticSet
from service.key_management import IssuedKey, KeyManager
from tests.unit.service.conftest import Scene

HERE = "/synthetic-sets/syn_1"


def add_set(scene: Scene, verdict: Verdict) -> None:
    folder = "synthetic-sets/syn_1-0"
    staged = scene.context.artifacts.staging("job-1")
    for name in ("set.zip", "manifest.json", "report.html", "findings.json"):
        (staged / name).write_bytes(b'{"files": []}')
    scene.context.artifacts.publish(staged, folder)
    kept = verdict.released
    made = SyntheticSet(
        id="syn_1",
        model_id="mdl_1",
        job_id="job_1",
        num_images=1,
        class_counts={"normal": 1},
        zip=ArtifactRef(f"{folder}/set.zip", "0", 13) if kept else None,
        manifest=ArtifactRef(f"{folder}/manifest.json", "0", 13) if kept else None,
        created_at=scene.context.clock.now(),
        dataset_id="ds_1",
        verdict=verdict,
        report=ArtifactRef(f"{folder}/report.html", "0", 13),
        findings=ArtifactRef(f"{folder}/findings.json", "0", 13),
    )
    scene.synthetic_set(made)


@pytest.fixture
def asked(guarded: Scene) -> Callable[[int], Scene]:
    """A service that asks for so many approvals, with a set that passed."""

    def serve(required: int, verdict: Verdict | None = None) -> Scene:
        guarded.app.state.context = replace(guarded.context, required_approvals=required)
        add_set(guarded, verdict or Verdict("passed"))
        return guarded

    return serve


def approve(scene: Scene, bearer: dict[str, str]) -> httpx.Response:
    return scene.client.post(f"{HERE}/approvals", headers=bearer)


def bearer_of(issued: IssuedKey) -> dict[str, str]:
    return {"Authorization": f"Bearer {issued.secret}"}


def test_without_the_setting_a_set_is_handed_out_at_once(asked: Any) -> None:
    scene = asked(0)
    headers = scene.bearer("generate")
    assert scene.client.get(f"{HERE}/download", headers=headers).status_code == 200
    found = scene.client.get(f"{HERE}/approvals", headers=headers).json()
    assert found == {"required": 0, "complete": True, "items": []}


@pytest.mark.parametrize("required", [1, 2])
def test_a_set_is_handed_out_when_as_many_people_approved_it(asked: Any, required: int) -> None:
    scene = asked(required)
    headers = scene.bearer("generate", "private:read")
    for num in range(required):
        early = scene.client.get(f"{HERE}/download", headers=headers)
        scene.refused(early, 409, "approval_missing")
        person = scene.key(RELEASE_APPROVE, name=f"person {num}")
        answer = approve(scene, bearer_of(person))
        assert answer.status_code == 201
        assert len(answer.json()["items"]) == num + 1
    assert answer.json()["complete"]
    assert scene.client.get(f"{HERE}/download", headers=headers).status_code == 200


def test_the_same_person_does_not_approve_twice(asked: Any) -> None:
    scene = asked(2)
    bearer = scene.bearer(RELEASE_APPROVE)
    assert approve(scene, bearer).status_code == 201
    scene.refused(approve(scene, bearer), 409, "already_approved")
    found = scene.client.get(f"{HERE}/approvals", headers=bearer).json()
    assert (len(found["items"]), found["complete"]) == (1, False)


def made_by_the_other(scene: Scene, first: dict[str, str]) -> dict[str, str]:
    asked = {"name": "another", "scopes": [RELEASE_APPROVE]}
    issued = scene.client.post("/keys", json=asked, headers=first).json()
    return {"Authorization": f"Bearer {issued['secret']}"}


def made_by_a_key_of_the_other(scene: Scene, first: dict[str, str]) -> dict[str, str]:
    asked = {"name": "in between", "scopes": ["admin", RELEASE_APPROVE]}
    issued = scene.client.post("/keys", json=asked, headers=first).json()
    return made_by_the_other(scene, {"Authorization": f"Bearer {issued['secret']}"})


def rotated_by_the_other(scene: Scene, first: dict[str, str]) -> dict[str, str]:
    there = scene.key(RELEASE_APPROVE, name="Bob").key.id
    issued = scene.client.post(f"/keys/{there}/rotate", headers=first).json()
    return {"Authorization": f"Bearer {issued['secret']}"}


def of_the_same_name(scene: Scene, _: dict[str, str]) -> dict[str, str]:
    return bearer_of(scene.key(RELEASE_APPROVE, name="alice  a"))


ONE_PERSON = [
    made_by_the_other,
    made_by_a_key_of_the_other,
    rotated_by_the_other,
    of_the_same_name,
]


@pytest.mark.parametrize("second", ONE_PERSON)
@pytest.mark.parametrize("turned", [False, True])
def test_two_keys_of_one_person_are_one_approval(asked: Any, second: Any, turned: bool) -> None:
    scene = asked(2)
    first = bearer_of(scene.key("admin", RELEASE_APPROVE, name="Alice A"))
    keys = [first, second(scene, first)]
    if turned:
        keys.reverse()
    assert approve(scene, keys[0]).status_code == 201
    scene.refused(approve(scene, keys[1]), 409, "already_approved")
    scene.refused(scene.client.get(f"{HERE}/download", headers=first), 409, "approval_missing")


def test_a_subject_and_the_key_that_they_made_are_one_approval(asked: Any) -> None:
    scene = asked(2)
    alice = Caller("alice@https://id.example.org", scopes=frozenset({"admin", RELEASE_APPROVE}))
    manager = KeyManager(scene.records.api_keys, scene.context.clock, alice)
    issued = manager.create("of nobody", (RELEASE_APPROVE,))
    by_token = AuditDraft("default", alice.id, APPROVE_SET, "syn_1")
    scene.records.audit.append(by_token)  # as the endpoint does for a token
    answer = approve(scene, bearer_of(issued))
    scene.refused(answer, 409, "already_approved")


def test_approvals_of_one_person_that_were_written_before_count_once(asked: Any) -> None:
    scene = asked(2)
    for _ in range(2):
        key = scene.key(RELEASE_APPROVE, name="alice").key.id
        scene.records.audit.append(AuditDraft("default", key, APPROVE_SET, "syn_1"))
    found = scene.client.get(f"{HERE}/approvals", headers=scene.bearer("generate")).json()
    assert (len(found["items"]), found["complete"]) == (1, False)


def revoke(scene: Scene, issued: IssuedKey) -> None:
    answer = scene.client.delete(f"/keys/{issued.key.id}", headers=scene.bearer("admin"))
    assert answer.status_code == 204


def who(scene: Scene) -> tuple[list[str], bool]:
    found = scene.client.get(f"{HERE}/approvals", headers=scene.bearer("generate")).json()
    return [each["by"] for each in found["items"]], found["complete"]


def test_an_approval_of_a_revoked_key_does_not_count_towards_a_set_that_waits(asked: Any) -> None:
    scene = asked(2)
    alice, bob = (scene.key(RELEASE_APPROVE, name=name) for name in ("Alice", "Bob"))
    approve(scene, bearer_of(alice))
    assert who(scene) == ([alice.key.id], False)
    revoke(scene, alice)
    assert who(scene) == ([], False)
    answer = approve(scene, bearer_of(bob))
    assert (answer.status_code, answer.json()["complete"]) == (201, False)
    headers = scene.bearer("generate")
    early = scene.client.get(f"{HERE}/download", headers=headers)
    scene.refused(early, 409, "approval_missing")
    again = scene.key(RELEASE_APPROVE, name="Alice")  # the same person, with a new key
    assert approve(scene, bearer_of(again)).json()["complete"]
    assert who(scene) == ([bob.key.id, again.key.id], True)
    assert scene.client.get(f"{HERE}/download", headers=headers).status_code == 200


@pytest.mark.parametrize("required", [1, 2])
def test_a_set_with_all_its_approvals_stays_approved_when_a_key_is_revoked(
    asked: Any, required: int
) -> None:
    scene = asked(required)
    people = [scene.key(RELEASE_APPROVE, name=f"person {number}") for number in range(required)]
    for each in people:
        approve(scene, bearer_of(each))
    for each in people:
        revoke(scene, each)
    assert who(scene) == ([each.key.id for each in people], True)
    assert scene.client.get(f"{HERE}/download", headers=scene.bearer("generate")).is_success


def test_an_approval_that_a_revoked_key_still_got_in_does_not_count(asked: Any) -> None:
    """Other processes take a key for some seconds after it was revoked."""
    scene = asked(1)
    key = scene.key(RELEASE_APPROVE)
    revoke(scene, key)
    scene.records.audit.append(AuditDraft("default", key.key.id, APPROVE_SET, "syn_1"))
    assert who(scene) == ([], False)


def test_more_approvals_that_are_asked_for_later_are_of_keys_in_force(asked: Any) -> None:
    scene = asked(1)
    alice, bob = (scene.key(RELEASE_APPROVE, name=name) for name in ("Alice", "Bob"))
    approve(scene, bearer_of(alice))
    revoke(scene, alice)
    assert who(scene) == ([alice.key.id], True)
    scene.app.state.context = replace(scene.app.state.context, required_approvals=2)
    approve(scene, bearer_of(bob))
    assert who(scene) == ([bob.key.id], False)


def test_an_approval_of_a_rotated_key_counts(asked: Any) -> None:
    scene = asked(1)
    key = scene.key(RELEASE_APPROVE)
    approve(scene, bearer_of(key))
    admin = scene.bearer("admin", RELEASE_APPROVE)
    assert scene.client.post(f"/keys/{key.key.id}/rotate", headers=admin).status_code == 200
    assert who(scene) == ([key.key.id], True)


def test_an_approval_stands_in_the_audit_log(asked: Any) -> None:
    scene = asked(1)
    key = scene.key(RELEASE_APPROVE)
    approve(scene, bearer_of(key))
    [entry] = scene.records.audit.of_action("default", "approve_synthetic_set", "syn_1")
    assert (entry.actor, entry.outcome) == (key.key.id, "done")


def test_who_approves_sees_the_set_before_and_others_do_not(asked: Any) -> None:
    scene = asked(1)
    for scope, status in ((RELEASE_APPROVE, 200), ("private:read", 200), ("generate", 409)):
        answer = scene.client.get(f"{HERE}/manifest", headers=scene.bearer(scope))
        assert answer.status_code == status, scope


def test_a_refused_set_cannot_be_approved(asked: Any) -> None:
    scene = asked(1, Verdict("refused", "memorises"))
    scene.refused(approve(scene, scene.bearer(RELEASE_APPROVE)), 409, "set_refused")


def test_a_set_that_is_made_anew_is_approved_anew(asked: Any) -> None:
    scene = asked(1)
    approve(scene, scene.bearer(RELEASE_APPROVE))
    headers = scene.bearer("generate")
    assert scene.client.delete(HERE, headers=headers).status_code == 204
    add_set(scene, Verdict("passed"))
    examined = AuditDraft("default", "worker", EXAMINE_SET, "syn_1", "passed")
    scene.records.audit.append(examined)  # as a worker does with the set
    scene.refused(scene.client.get(f"{HERE}/download", headers=headers), 409, "approval_missing")


def test_the_page_of_a_report_waits_too_since_it_shows_images(asked: Any) -> None:
    scene = asked(1)
    headers = scene.bearer("generate")
    page = scene.client.get(f"{HERE}/report", headers=headers | {"accept": "text/html"})
    scene.refused(page, 409, "approval_missing")
    bearer = bearer_of(scene.key(RELEASE_APPROVE, name="person"))
    assert scene.client.get(f"{HERE}/report", headers=bearer).status_code == 200
    assert approve(scene, bearer).status_code == 201
    assert scene.client.get(f"{HERE}/report", headers=headers).status_code == 200


def test_the_page_of_a_report_on_a_refused_set_waits_for_nobody(asked: Any) -> None:
    scene = asked(1, Verdict("refused", "memorises"))
    assert scene.client.get(f"{HERE}/report", headers=scene.bearer("generate")).status_code == 200


@pytest.mark.parametrize(
    "spelling", ["Jose\u0301", "JOS\u00c9", "Jos\u00e9\u200b", " \uff2aos\u00e9"]
)
def test_other_spellings_of_a_name_are_the_same_person(asked: Any, spelling: str) -> None:
    scene = asked(2)
    first, second = (scene.key(RELEASE_APPROVE, name=name) for name in ("Jos\u00e9", spelling))
    assert approve(scene, bearer_of(first)).status_code == 201
    scene.refused(approve(scene, bearer_of(second)), 409, "already_approved")
