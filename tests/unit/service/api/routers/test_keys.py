from datetime import timedelta
from typing import Any

import pytest

from service.domain.caller import SCOPES
from service.domain.identifiers import new_id


def test_a_made_key_opens_what_its_scopes_allow_and_its_secret_is_shown_once(guarded: Any) -> None:
    admin = guarded.bearer("admin", "train")
    body = {"name": "pipeline", "scopes": ["train"], "expires_in_days": 90}
    made = guarded.client.post("/keys", json=body, headers=admin)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    secret = made.json().pop("secret")
    bearer = {"Authorization": f"Bearer {secret}"}
    assert guarded.client.get("/jobs", headers=bearer).status_code == 200
    guarded.refused(guarded.client.get("/keys", headers=bearer), 403, "scope_missing")
    listed = guarded.client.get("/keys", headers=admin)
    assert [key["name"] for key in listed.json()["items"]] == ["pipeline", "of a test"]
    assert secret not in listed.text
    assert secret not in repr(guarded.store.api_keys)


def test_a_key_cannot_give_what_its_maker_lacks(guarded: Any) -> None:
    admin = guarded.bearer("admin", "train")
    body = {"name": "greedy", "scopes": ["train", "private:read"]}
    refused = guarded.client.post("/keys", json=body, headers=admin)
    guarded.refused(refused, 403, "scope_missing")
    assert "private:read" in refused.json()["detail"]
    assert len(guarded.store.api_keys) == 1


def test_a_key_with_more_scopes_is_not_rotated_by_who_would_see_its_secret(guarded: Any) -> None:
    admin = guarded.bearer("admin")
    other = guarded.key("private:read")
    answer = guarded.client.post(f"/keys/{other.key.id}/rotate", headers=admin)
    guarded.refused(answer, 403, "scope_missing")
    assert guarded.store.api_keys[other.key.id] == other.key


def test_a_rotated_key_keeps_its_old_secret_for_the_stated_grace(guarded: Any) -> None:
    admin, old = guarded.bearer("admin", "train"), guarded.key("train")
    path = f"/keys/{old.key.id}/rotate"
    new = guarded.client.post(path, json={"grace_seconds": 60}, headers=admin).json()
    assert new["id"] == old.key.id
    for secret in (old.secret, new["secret"]):
        bearer = {"Authorization": f"Bearer {secret}"}
        assert guarded.client.get("/jobs", headers=bearer).status_code == 200
    newest = guarded.client.post(path, headers=admin).json()
    for secret, status in ((old.secret, 401), (new["secret"], 401), (newest["secret"], 200)):
        bearer = {"Authorization": f"Bearer {secret}"}
        assert guarded.client.get("/jobs", headers=bearer).status_code == status


def test_a_revoked_key_is_refused_by_the_next_request(guarded: Any) -> None:
    admin, key = guarded.bearer("admin"), guarded.key("train")
    bearer = {"Authorization": f"Bearer {key.secret}"}
    assert guarded.client.get("/jobs", headers=bearer).status_code == 200
    for _ in range(2):
        answer = guarded.client.delete(f"/keys/{key.key.id}", headers=admin)
        assert answer.status_code == 204
    answer = guarded.client.get("/jobs", headers=bearer)
    guarded.refused(answer, 401, "unauthenticated")
    assert "revoked" in answer.json()["detail"]
    shown = guarded.client.get(f"/keys/{key.key.id}", headers=admin).json()
    assert shown["revoked_at"] is not None
    again = guarded.client.post(f"/keys/{key.key.id}/rotate", headers=admin)
    guarded.refused(again, 403, "scope_missing")
    answer = guarded.client.post(
        f"/keys/{key.key.id}/rotate", headers=guarded.bearer("admin", "train")
    )
    guarded.refused(answer, 409, "api_key_ended")


def test_the_keys_of_another_tenant_are_as_unknown_as_those_that_never_were(guarded: Any) -> None:
    theirs = guarded.key("admin", tenant="elsewhere").key.id
    admin = guarded.bearer(*SCOPES)
    for method, suffix in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        for key_id in (theirs, new_id("key")):
            answer = guarded.client.request(method, f"/keys/{key_id}{suffix}", headers=admin)
            guarded.refused(answer, 404, "api_key_not_found")
            assert answer.json()["detail"].replace(key_id, "") == (
                "No API key has this identifier. Looked for ''."
            )
    listed = guarded.client.get("/keys", headers=admin).json()["items"]
    assert theirs not in [key["id"] for key in listed]
    body = {"name": "mine", "scopes": ["admin"]}
    made = guarded.client.post("/keys", json=body, headers=admin).json()
    assert made["tenant"] == "default"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["root"]}, "/scopes/0"),
        ({"name": "", "scopes": ["train"]}, "/name"),
        ({"name": "x", "scopes": ["train"], "expires_in_days": 0}, "/expires_in_days"),
        ({"name": "x", "scopes": ["train"], "tenant": "elsewhere"}, "/tenant"),
    ],
)
def test_a_key_that_cannot_be_is_refused(guarded: Any, body: Any, pointer: str) -> None:
    answer = guarded.client.post("/keys", json=body, headers=guarded.bearer("admin", "train"))
    guarded.refused(answer, 422, "invalid_request", pointer)


def test_the_last_use_of_a_key_is_written_at_most_once_a_minute(guarded: Any) -> None:
    key = guarded.key("train")
    keys = guarded.records.api_keys
    keys.note_use(key.key.id)
    noted = keys.key("default", key.key.id).last_used_at
    assert noted is not None
    keys.note_use(key.key.id)
    assert keys.key("default", key.key.id).last_used_at == noted
    keys.change("default", key.key.id, lambda each: _used(each, noted - timedelta(minutes=2)))
    keys.note_use(key.key.id)
    assert keys.key("default", key.key.id).last_used_at >= noted


def _used(key: Any, moment: Any) -> Any:
    from dataclasses import replace

    return replace(key, last_used_at=moment)


def test_a_key_made_with_one_that_expires_ends_with_it(guarded: Any) -> None:
    admin = guarded.bearer("admin", "train")
    body = {"name": "short", "scopes": ["admin", "train"], "expires_in_days": 1}
    short = guarded.client.post("/keys", json=body, headers=admin).json()
    bearer = {"Authorization": f"Bearer {short['secret']}"}
    for more in ({}, {"expires_in_days": 90}):
        body = {"name": "long", "scopes": ["train"], **more}
        made = guarded.client.post("/keys", json=body, headers=bearer).json()
        assert made["expires_at"] == short["expires_at"]
