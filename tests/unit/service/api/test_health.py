from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.domain.errors import RecordsUnavailable
from service.domain.extractors import SuppliedExtractor


def broken(*_: object, **__: object) -> None:
    raise RecordsUnavailable("The database is gone.")


def test_healthz_answers_though_the_database_is_gone(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.store, "check", broken)
    answer = scene.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_readyz_says_503_when_the_database_cannot_serve(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = {"status": "ready", "broker": "reachable", "unreadable_extractors": []}
    assert scene.client.get("/readyz").json() == ready
    monkeypatch.setattr(scene.store, "check", broken)
    answer = scene.client.get("/readyz")
    scene.refused(answer, 503, "records_unavailable")
    assert answer.headers["retry-after"]


def test_a_broker_that_is_down_is_reported_and_not_fatal(scene: Any) -> None:
    scene.queue.up = False
    assert scene.client.get("/readyz").json()["broker"] == "unreachable"


def test_an_extractor_without_its_file_is_reported_and_not_fatal(
    scene: Any, tmp_path: Path
) -> None:
    gone = SuppliedExtractor("inception", "inception_v3", tmp_path / "none.safetensors")
    scene.app.state.context = replace(scene.context, extractors=(gone,))
    answer = scene.client.get("/readyz")
    assert (answer.status_code, answer.json()["unreadable_extractors"]) == (200, ["inception"])


def test_the_version_and_the_description_are_served(scene: Any) -> None:
    assert scene.client.get("/version").json() == {"name": "synthcxr", "version": "0"}
    answer = scene.client.get("/openapi.yaml")
    committed = yaml.safe_load(Path("openapi.yaml").read_text())
    assert answer.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(answer.text)["paths"] == committed["paths"]
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert scene.client.get(path).status_code == 404


def test_a_request_keeps_its_id_or_gets_one(scene: Any) -> None:
    given = scene.client.get("/healthz", headers={"X-Request-ID": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    for strange in ("a b", "x" * 65, ""):
        answer = scene.client.get("/healthz", headers={"X-Request-ID": strange})
        assert answer.headers["x-request-id"] not in {strange, ""}


def test_errors_of_the_protocol_are_problems_too(scene: Any) -> None:
    scene.refused(scene.client.get("/nothing"), 404, "not_found")
    wrong = scene.client.put("/train")
    scene.refused(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


def test_a_bug_is_a_problem_that_discloses_nothing_but_its_id(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("patient Miller")

    monkeypatch.setattr(type(scene.records.catalog), "models", bug)
    answer = scene.client.get("/models")
    scene.refused(answer, 500, "internal_error")
    assert "Miller" not in answer.text


def test_every_answer_keeps_browsers_from_guessing_keeping_and_embedding(scene: Any) -> None:
    for path in ("/version", "/jobs", "/nothing", "/openapi.yaml", "/jobs/job_0"):
        headers = scene.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
