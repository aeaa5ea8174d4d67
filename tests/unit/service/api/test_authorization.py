"""Every route asks who calls, before it reads what was sent."""

import io
import json
import re
import socket
import sys
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts

from service.api import authorization
from service.api.authorization import ANY, JUDGED_BY_RECORD, NEEDS, GuardedRoute, check_guarded
from service.api.routers import events
from service.domain.api_keys import new_secret
from service.domain.caller import SCOPES
from service.domain.identifiers import new_id
from service.logs import configure_logs

IS_PUBLIC = {
    *("healthz", "readyz", "version", "openapi", "openapi_json", "list_signing_keys"),
    *("front", "console", "console_file", "docs"),
}


def routes(app: FastAPI) -> dict[str, tuple[str, str]]:
    """Method and path of each operation, with identifiers that name nothing."""
    return {
        found.original_route.operation_id: (
            method,
            found.path.replace("{index}", "0")
            .replace("{file:path}", "console.css")
            .replace("{", "unknown-")
            .replace("}", ""),
        )
        for found in iter_route_contexts(app.routes)
        for method in found.methods
    }


def test_every_route_declares_what_it_needs(guarded: Any) -> None:
    assert set(routes(guarded.app)) == set(NEEDS)
    assert {operation for operation, needed in NEEDS.items() if not needed} == IS_PUBLIC


def test_a_route_that_asks_nobody_is_not_served() -> None:
    app, router = FastAPI(openapi_url=None), APIRouter()
    router.get("/open")(lambda: None)
    app.include_router(router)
    with pytest.raises(TypeError, match="/open needs"):
        check_guarded(app)


def test_a_route_without_a_declaration_cannot_be_made() -> None:
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(KeyError, match="undeclared"):
        router.get("/new", operation_id="undeclared")(lambda: None)


def test_without_a_key_every_route_but_the_public_ones_is_refused(guarded: Any) -> None:
    for operation, (method, path) in routes(guarded.app).items():
        answer = guarded.client.request(method, path)
        if operation in IS_PUBLIC:
            assert answer.status_code == (303 if operation == "front" else 200), operation
        else:
            guarded.refused(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == "Bearer", operation


def test_each_route_is_closed_to_callers_without_its_scope_and_open_with_it(guarded: Any) -> None:
    bearers = {scope: guarded.bearer(scope) for scope in SCOPES}
    for operation, (method, path) in routes(guarded.app).items():
        needed = ANY if operation in JUDGED_BY_RECORD else NEEDS[operation]
        for scope, bearer in bearers.items():
            answer = guarded.client.request(method, path, headers=bearer)
            is_open = not needed or scope in needed
            assert (answer.status_code != 403) == is_open, (operation, scope, answer.text)


def test_a_key_without_any_scope_reads_nothing(guarded: Any) -> None:
    for path in ("/jobs", "/datasets", "/models", "/synthetic-sets"):
        guarded.refused(guarded.client.get(path, headers=guarded.bearer()), 403, "scope_missing")


@pytest.mark.parametrize(
    ("scope", "action"),
    [("train", "cancel"), ("generate", "cancel"), ("generate", "retry"), ("admin", None)],
)
def test_a_job_is_changed_by_who_may_do_its_kind_of_work(
    guarded: Any, scope: Any, action: str | None
) -> None:
    body = {"phantom": {"class_counts": {"normal": 8, "effusion": 8}}}
    owner = guarded.bearer("datasets")
    job = guarded.client.post("/datasets", json=body, headers=owner).json()
    method, path = (
        ("POST", f"/jobs/{job['id']}/{action}") if action else ("DELETE", job["links"]["self"])
    )
    refused = guarded.client.request(method, path, headers=guarded.bearer(scope))
    guarded.refused(refused, 403, "scope_missing")
    assert guarded.client.post(f"/jobs/{job['id']}/cancel", headers=owner).status_code == 202


@pytest.mark.parametrize(
    "header",
    [
        "Basic dXNlcjpwYXNzd29yZA==",
        "Bearer",
        "bearer x",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer " + new_secret(),
        "Bearer " + new_secret()[:-1],
        "Bearer " + new_secret().upper(),
        "Bearer synthcxr_" + "\xe9" * 59,
        "Bearer " + "a" * 30_000,
    ],
    ids=range(9),  # the secrets are others in each process that collects tests
)
def test_what_is_no_key_of_this_service_is_refused(guarded: Any, header: str) -> None:
    sent = {"Authorization": header.encode("latin-1")}
    guarded.refused(guarded.client.get("/jobs", headers=sent), 401, "unauthenticated")


def test_two_keys_at_once_are_refused(guarded: Any) -> None:
    bearer = guarded.bearer("train")["Authorization"]
    sent = [("Authorization", bearer), ("Authorization", bearer)]
    guarded.refused(guarded.client.get("/jobs", headers=sent), 401, "unauthenticated")


def test_a_damaged_key_is_noticed_without_asking_the_database(
    guarded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(digest: str) -> None:
        raise AssertionError(digest)

    monkeypatch.setattr(guarded.records.api_keys, "by_secret", fail)
    bearer = {"Authorization": guarded.bearer("train")["Authorization"][:-1]}
    answer = guarded.client.get("/jobs", headers=bearer)
    assert "damaged" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/datasets", "/train", "/generate", "/keys"])
@pytest.mark.parametrize("scope", [None, "weights:read"])
def test_who_may_not_is_answered_before_the_body_is_sent(
    guarded: Any, path: str, scope: Any
) -> None:
    bearer = guarded.bearer(scope)["Authorization"] if scope else None
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Length: 150000"]
    lines.append(
        "Content-Type: "
        + ("multipart/form-data; boundary=x" if "data" in path else "application/json")
    )
    lines += [f"Authorization: {bearer}"] if bearer else []
    address = (guarded.client.base_url.host, guarded.client.base_url.port)
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = connection.recv(4096)  # nothing of the body was sent
    assert answer.startswith(b"HTTP/1.1 403" if scope else b"HTTP/1.1 401")
    assert not guarded.files()


def test_a_key_expires_although_it_is_remembered(
    guarded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, clock = guarded.key("train"), guarded.context.clock
    soon = clock.now() + timedelta(minutes=1)
    guarded.records.api_keys.change(
        "default", key.key.id, lambda each: replace(each, expires_at=soon)
    )
    bearer = {"Authorization": f"Bearer {key.secret}"}
    assert guarded.client.get("/jobs", headers=bearer).status_code == 200
    monkeypatch.setattr(type(clock), "now", lambda _: soon)
    guarded.refused(guarded.client.get("/jobs", headers=bearer), 401, "unauthenticated")


def test_a_key_is_looked_up_once_for_many_requests(
    guarded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer, keys = guarded.bearer("train"), guarded.records.api_keys
    asked = []
    by_secret = keys.by_secret
    monkeypatch.setattr(keys, "by_secret", lambda digest: asked.append(digest) or by_secret(digest))
    for _ in range(20):
        assert guarded.client.get("/jobs", headers=bearer).status_code == 200
    assert len(asked) == 1


def test_a_key_revoked_elsewhere_is_refused_when_it_is_asked_about_again(
    guarded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = guarded.key("train")
    bearer = {"Authorization": f"Bearer {key.secret}"}
    assert guarded.client.get("/jobs", headers=bearer).status_code == 200
    now = guarded.context.clock.now()
    guarded.records.api_keys.change("default", key.key.id, lambda each: each.revoked(now))
    assert authorization.CACHE_SECONDS <= 5
    guarded.app.state.callers._known.expire(time.monotonic() + authorization.CACHE_SECONDS)
    guarded.refused(guarded.client.get("/jobs", headers=bearer), 401, "unauthenticated")


def test_a_stream_ends_when_its_key_is_revoked(
    guarded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "CACHE_SECONDS", 0.1)
    owner, reader = guarded.bearer("datasets"), guarded.key("train")
    body = {"phantom": {"class_counts": {"normal": 8, "effusion": 8}}}
    job = guarded.client.post("/datasets", json=body, headers=owner).json()
    sent = {"Authorization": f"Bearer {reader.secret}", "Accept": "text/event-stream"}
    with guarded.client.stream("GET", job["links"]["events"], headers=sent) as stream:
        lines = stream.iter_lines()
        next(lines)
        guarded.client.delete(f"/keys/{reader.key.id}", headers=guarded.bearer("admin"))
        assert list(lines) is not None  # it ends, and the job is not done


def test_no_key_or_token_reaches_a_log_or_an_answer(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)  # where the service will log to
    guarded = request.getfixturevalue("guarded")
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ"
    canaries = [guarded.key("train").secret, new_secret(), new_secret()[:-3], token]
    answers = []
    for canary in canaries:
        bearer = {"Authorization": f"Bearer {canary}"}
        for method, path in routes(guarded.app).values():
            answers.append(guarded.client.request(method, path, headers=bearer).text)
        typed = {"X-Request-ID": canary[:64], "Idempotency-Key": canary}
        guarded.client.get(f"/jobs?x={canary}", headers=typed)  # which echoes the request's id
    logged = log.getvalue()
    assert "/jobs" in logged
    for canary in canaries:
        for text in (logged, *answers):
            assert canary[:40] not in text
            assert canary[-20:] not in text


def test_a_secret_that_is_logged_by_mistake_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    configure_logs("INFO")
    secret = new_secret()
    structlog.get_logger().info("a mistake", header=f"Bearer {secret}", key=secret)
    structlog.get_logger().info("another", header="Bearer c2VjcmV0LXRva2Vu")
    logged = log.getvalue()
    assert "a mistake" in logged
    assert not re.search(rf"{secret}|c2VjcmV0", logged)
    assert all(json.loads(line) for line in logged.splitlines())


def test_a_key_for_metrics_opens_nothing_else(guarded: Any) -> None:
    bearer = guarded.bearer("metrics:read")
    assert guarded.client.get("/metrics", headers=bearer).status_code == 200
    for operation, (method, path) in routes(guarded.app).items():
        if operation != "metrics" and operation not in IS_PUBLIC:
            answer = guarded.client.request(method, path, headers=bearer)
            assert answer.status_code == 403, operation
    assert guarded.client.get("/metrics", headers=guarded.bearer("train")).status_code == 403


@pytest.mark.parametrize("path", ["/datasets/{ds}", "/models/{mdl}"])
def test_cascading_needs_the_scopes_of_all_that_goes(guarded: Any, path: str) -> None:
    path = path.format(ds=new_id("ds"), mdl=new_id("mdl"))
    some, every = guarded.bearer("datasets", "train"), guarded.bearer(*SCOPES)
    refused = guarded.client.delete(path, params={"cascade": True}, headers=some)
    guarded.refused(refused, 403, "scope_missing")
    unknown = guarded.client.delete(path, params={"cascade": True}, headers=every)
    assert unknown.status_code == 404


def test_one_who_lacks_a_scope_fills_no_log_by_naming_much(guarded: Any) -> None:
    bearer = guarded.bearer("train")
    before = len(guarded.records.audit.entries("default").items)
    for _ in range(5):
        answer = guarded.client.delete(f"/datasets/{new_id('ds')}", headers=bearer)
        guarded.refused(answer, 403, "scope_missing")
        assert "ratelimit" in answer.headers
    assert len(guarded.records.audit.entries("default").items) == before + 1
