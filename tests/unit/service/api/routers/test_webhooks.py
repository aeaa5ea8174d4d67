"""Webhooks over HTTP: who may make them, what is shown, and what tenants see of each other."""

import base64
from typing import Any

import pytest

from service.domain.caller import SCOPES
from service.domain.webhooks import Outcome

URL = "https://a.example.org/hook"
SECRET_BYTES = 32


@pytest.fixture
def admin(guarded: Any) -> dict[str, str]:
    return guarded.bearer("admin")


def make(scene: Any, bearer: dict[str, str], **changes: Any) -> dict[str, Any]:
    answer = scene.client.post("/webhooks", json={"url": URL} | changes, headers=bearer)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_the_secret_is_shown_once_and_kept_sealed(guarded: Any, admin: Any) -> None:
    answer = guarded.client.post("/webhooks", json={"url": URL}, headers=admin)
    assert answer.headers["cache-control"] == "no-store"
    secret = answer.json()["secret"]
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == SECRET_BYTES
    made = answer.json()["id"]
    for path in ("/webhooks", f"/webhooks/{made}"):
        shown = guarded.client.get(path, headers=admin)
        assert shown.status_code == 200
        assert made in shown.text
        assert "secret" not in shown.text
    assert secret not in repr(guarded.store.webhooks)
    rotated = guarded.client.post(f"/webhooks/{made}/rotate", headers=admin).json()
    assert rotated["secret"] != secret
    assert rotated["earlier_expires_at"]


def test_making_rotating_and_deleting_stand_in_the_audit_log(guarded: Any, admin: Any) -> None:
    made = make(guarded, admin)["id"]
    guarded.client.post(f"/webhooks/{made}/rotate", json={"grace_seconds": 0}, headers=admin)
    assert guarded.client.delete(f"/webhooks/{made}", headers=admin).status_code == 204
    entries = guarded.records.audit.entries("default").items
    found = [(each.action, each.target, each.outcome) for each in entries][:3]
    assert found == [
        ("delete_webhook", made, "done"),
        ("rotate_webhook_secret", made, "done"),
        ("create_webhook", made, "leads_to(a.example.org)"),
    ]
    guarded.refused(
        guarded.client.get(f"/webhooks/{made}", headers=admin), 404, "webhook_not_found"
    )


@pytest.mark.parametrize(
    "url", ["http://a.example.org/", "https://169.254.169.254/", "https://u:p@a.example.org/"]
)
def test_a_url_that_is_not_allowed_is_refused(guarded: Any, admin: Any, url: str) -> None:
    answer = guarded.client.post("/webhooks", json={"url": url}, headers=admin)
    guarded.refused(answer, 422, "webhook_target_refused", "/url")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/url"),
        ({"url": URL, "events": ["set.drawn"]}, "/events/0"),
        ({"url": URL, "secret": "whsec_mine"}, "/secret"),
    ],
)
def test_a_body_that_is_not_as_described_is_refused(
    guarded: Any, admin: Any, body: Any, pointer: str
) -> None:
    answer = guarded.client.post("/webhooks", json=body, headers=admin)
    guarded.refused(answer, 422, "invalid_request", pointer)


def test_a_test_and_a_resend_are_deliveries(guarded: Any, admin: Any) -> None:
    made = make(guarded, admin)["id"]
    sent = guarded.client.post(f"/webhooks/{made}/test", headers=admin)
    assert (sent.status_code, sent.json()["type"]) == (202, "webhook.ping")
    path = f"/webhooks/{made}/deliveries"
    again = guarded.client.post(f"{path}/{sent.json()['id']}/resend", headers=admin)
    assert (again.status_code, again.json()["id"]) == (202, sent.json()["id"])
    listed = guarded.client.get(path, headers=admin).json()["items"]
    assert [(each["state"], each["num_attempts"]) for each in listed] == [("pending", 0)]
    unknown = guarded.client.post(f"{path}/msg_1/resend", headers=admin)
    guarded.refused(unknown, 404, "webhook_delivery_not_found")


def test_a_long_host_is_named_by_its_end_in_the_audit_log(guarded: Any, admin: Any) -> None:
    make(guarded, admin, url=f"https://{'a.' * 60}attacker.example.org:8443/")
    outcome = guarded.records.audit.entries("default").items[0].outcome
    assert len(outcome) == 64
    assert outcome.startswith("leads_to(...")
    assert outcome.endswith(".attacker.example.org:8443)")


def test_a_message_on_its_way_and_too_many_that_wait_are_conflicts(
    guarded: Any, admin: Any
) -> None:
    made = make(guarded, admin)["id"]
    tests = f"/webhooks/{made}/test"
    sent = guarded.client.post(tests, headers=admin).json()["id"]
    guarded.records.webhooks.claim_due(1, 60.0)
    again = guarded.client.post(f"/webhooks/{made}/deliveries/{sent}/resend", headers=admin)
    guarded.refused(again, 409, "message_being_sent")
    for _ in range(19):
        assert guarded.client.post(tests, headers=admin).status_code == 202
    refused = guarded.client.post(tests, headers=admin)
    guarded.refused(refused, 409, "too_many_pending_messages")


def test_a_webhook_that_was_disabled_is_enabled_again(guarded: Any, admin: Any) -> None:
    """Its secret stays; what died can be resent, and the log says who enabled it."""
    made = make(guarded, admin)["id"]
    sent = guarded.client.post(f"/webhooks/{made}/test", headers=admin).json()["id"]
    [(claimed, _)] = guarded.records.webhooks.claim_due(1, 60.0)
    guarded.records.webhooks.settle(claimed, Outcome.answered(410), 0.0)
    resend = f"/webhooks/{made}/deliveries/{sent}/resend"
    refused = guarded.client.post(resend, headers=admin)
    guarded.refused(refused, 409, "webhook_disabled")
    assert f"POST /webhooks/{made}/enable" in refused.json()["detail"]
    before = guarded.records.webhooks.webhook(made)
    assert before.disabled_at

    for _ in range(2):  # one that is enabled stays as it is
        shown = guarded.client.post(f"/webhooks/{made}/enable", headers=admin)
        assert shown.status_code == 200
        assert (shown.json()["disabled_at"], shown.json()["disabled_reason"]) == (None, None)
        assert "secret" not in shown.text
    assert guarded.records.webhooks.webhook(made).secret == before.secret
    assert guarded.client.post(resend, headers=admin).status_code == 202
    entry = guarded.records.audit.entries("default").items[0]
    assert (entry.action, entry.target, entry.outcome) == ("enable_webhook", made, "done")


def test_a_webhook_belongs_to_its_tenant_and_outlives_the_key_of_its_maker(guarded: Any) -> None:
    maker, other = guarded.key("admin"), guarded.bearer("admin")
    made = make(guarded, {"Authorization": f"Bearer {maker.secret}"})["id"]
    assert guarded.client.delete(f"/keys/{maker.key.id}", headers=other).status_code == 204
    [shown] = guarded.client.get("/webhooks", headers=other).json()["items"]
    assert (shown["id"], shown["created_by"]) == (made, maker.key.id)
    assert shown["disabled_at"] is None
    assert guarded.client.post(f"/webhooks/{made}/test", headers=other).status_code == 202
    assert [w.id for _, w in guarded.records.webhooks.claim_due(1, 60.0)] == [made]
    assert guarded.client.delete(f"/webhooks/{made}", headers=other).status_code == 204


def test_webhooks_of_another_tenant_are_unknown(guarded: Any, admin: Any) -> None:
    made = make(guarded, admin)["id"]
    sent = guarded.client.post(f"/webhooks/{made}/test", headers=admin).json()["id"]
    other = guarded.bearer("admin", tenant="b")
    assert guarded.client.get("/webhooks", headers=other).json()["items"] == []
    here = f"/webhooks/{made}"
    for method, path in (
        ("GET", here),
        ("DELETE", here),
        ("POST", f"{here}/rotate"),
        ("POST", f"{here}/enable"),
        ("POST", f"{here}/test"),
        ("GET", f"{here}/deliveries"),
        ("POST", f"{here}/deliveries/{sent}/resend"),
    ):
        answer = guarded.client.request(method, path, headers=other)
        guarded.refused(answer, 404, "webhook_not_found")
    assert make(guarded, other)["id"] != made
    assert guarded.client.get(here, headers=admin).status_code == 200


def test_only_administrators_have_to_do_with_webhooks(guarded: Any, admin: Any) -> None:
    make(guarded, admin)
    bearer = guarded.bearer(*(scope for scope in SCOPES if scope != "admin"))
    guarded.refused(guarded.client.get("/webhooks", headers=bearer), 403, "scope_missing")
    answer = guarded.client.post("/webhooks", json={"url": URL}, headers=bearer)
    guarded.refused(answer, 403, "scope_missing")


def test_a_tenant_has_at_most_twenty(guarded: Any, admin: Any) -> None:
    for _ in range(20):
        make(guarded, admin)
    answer = guarded.client.post("/webhooks", json={"url": URL}, headers=admin)
    guarded.refused(answer, 409, "too_many_webhooks")
    make(guarded, guarded.bearer("admin", tenant="b"))
