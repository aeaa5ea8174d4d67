from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.adapters.artifact_store import open_artifacts
from service.domain.caller import Caller
from service.domain.errors import RecordsUnavailable, SchemaUnknown
from service.domain.extractors import SuppliedExtractor
from service.domain.job import JobKind
from service.domain.worker import WorkerReport, WorkerState
from tests.object_store import ObjectStore


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
    all_there(scene)
    ready = scene.client.get("/readyz").json()
    assert (ready["status"], ready["degraded"], ready["broker"]) == ("ready", [], "reachable")
    assert ready["unreadable_extractors"] == []
    monkeypatch.setattr(scene.store, "check", broken)
    answer = scene.client.get("/readyz")
    scene.refused(answer, 503, "records_unavailable")
    assert answer.headers["retry-after"]


def report(queue: str, **changes: Any) -> WorkerReport:
    known = WorkerReport(f"host:{queue}:1", "host", 1, (queue,), "cpu", "0", WorkerState.IDLE)
    return replace(known, **changes)


def all_there(scene: Any) -> None:
    """A worker for each queue, and a scheduler."""
    for kind in JobKind:
        scene.records.workers.report(report(kind.queue))
    scene.records.jobs.hold_scheduler_lock("scheduler", 60)


def degraded(scene: Any) -> dict[str, str]:
    answer = scene.client.get("/readyz")
    assert answer.status_code == 200
    found = {each["code"]: each["detail"] for each in answer.json()["degraded"]}
    assert answer.json()["status"] == ("degraded" if found else "ready")
    return found


def test_a_service_without_workers_and_scheduler_is_degraded(scene: Any) -> None:
    assert set(degraded(scene)) == {"no_worker", "scheduler_late"}
    all_there(scene)
    assert degraded(scene) == {}


@pytest.mark.parametrize("state", [WorkerState.STALLED, WorkerState.STOPPING])
def test_a_worker_that_takes_no_jobs_counts_as_none(scene: Any, state: WorkerState) -> None:
    all_there(scene)
    scene.records.workers.report(report("gpu.train", state=state))
    assert "gpu.train" in degraded(scene)["no_worker"]
    [queue] = [
        each
        for each in scene.client.get("/readyz").json()["queues"]
        if each["queue"] == "gpu.train"
    ]
    assert queue == {"queue": "gpu.train", "num_workers": 0, "num_waiting": 0}


def test_a_worker_that_fell_silent_counts_as_none(scene: Any) -> None:
    all_there(scene)
    gone = scene.store.workers["host:cpu.ingest:1"]
    long_ago = gone.last_seen - timedelta(seconds=60)
    scene.store.workers[gone.report.name] = replace(gone, last_seen=long_ago)
    assert "cpu.ingest" in degraded(scene)["no_worker"]


def test_a_scheduler_that_does_nothing_is_noticed(scene: Any) -> None:
    all_there(scene)
    scene.records.jobs.hold_scheduler_lock("scheduler", -1)
    assert set(degraded(scene)) == {"scheduler_late"}


@pytest.mark.parametrize("ahead", [45.0, -45.0])
def test_a_clock_that_is_off_is_shown(scene: Any, ahead: float) -> None:
    all_there(scene)
    scene.records.workers.report(report("gpu.train", clock_ahead_seconds=ahead))
    assert f"{ahead:+.0f} seconds" in degraded(scene)["clock_skew"]
    assert scene.client.get("/readyz").json()["max_clock_skew_seconds"] == 45.0


def test_a_disk_that_is_nearly_full_is_noticed(scene: Any) -> None:
    all_there(scene)
    scene.app.state.context = replace(scene.context, min_free_bytes=2**60)
    assert set(degraded(scene)) == {"disk_nearly_full"}


def test_an_object_store_that_is_away_is_noticed(
    scene: Any, tmp_path: Path, object_store: ObjectStore
) -> None:
    all_there(scene)
    artifacts = open_artifacts(object_store.settings(tmp_path / "other"))
    scene.app.state.context = replace(scene.context, artifacts=artifacts)
    assert degraded(scene) == {}
    object_store.remove_bucket()
    assert "There is no bucket" in degraded(scene)["artifacts_unavailable"]


def test_a_schema_of_another_version_is_named(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> None:
        raise SchemaUnknown.found("9999", "0002")

    monkeypatch.setattr(scene.store, "check", check)
    scene.refused(scene.client.get("/readyz"), 503, "schema_unknown")


def test_workers_are_listed_for_who_runs_the_service(scene: Any) -> None:
    body = {"dataset_id": scene.dataset().id, "family": "vae", "budget": {"images": 100}}
    job_id = scene.client.post("/train", json=body).json()["id"]
    scene.records.workers.report(report("gpu.train", job_id=job_id, state=WorkerState.BUSY))
    [item] = scene.client.get("/workers").json()["items"]
    assert (item["name"], item["job_id"], item["state"]) == ("host:gpu.train:1", job_id, "busy")
    scene.records.workers.report(
        report("gpu.train", job_id="job_of_others", state=WorkerState.BUSY)
    )
    [item] = scene.client.get("/workers").json()["items"]
    assert item["job_id"] is None
    nobody = Caller("somebody", scopes=frozenset())
    scene.app.state.context = replace(scene.context, caller=nobody)
    scene.refused(scene.client.get("/workers"), 403, "scope_missing")


def test_a_broker_that_is_down_is_reported_and_not_fatal(scene: Any) -> None:
    scene.queue.up = False
    assert scene.client.get("/readyz").json()["broker"] == "unreachable"
    assert "broker_unreachable" in degraded(scene)


def test_an_extractor_without_its_file_is_reported_and_not_fatal(
    scene: Any, tmp_path: Path
) -> None:
    gone = SuppliedExtractor("inception", "inception_v3", tmp_path / "none.safetensors")
    scene.app.state.context = replace(scene.context, extractors=(gone,))
    answer = scene.client.get("/readyz")
    assert (answer.status_code, answer.json()["unreadable_extractors"]) == (200, ["inception"])
    assert "extractor_unreadable" in degraded(scene)


def test_the_version_and_the_description_are_served(scene: Any) -> None:
    assert scene.client.get("/version").json() == {"name": "synthcxr", "version": "0"}
    answer = scene.client.get("/openapi.yaml")
    committed = yaml.load(Path("openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    assert answer.headers["content-type"].startswith("application/yaml")
    assert yaml.load(answer.text, Loader=yaml.CSafeLoader)["paths"] == committed["paths"]
    assert scene.client.get("/openapi.json").json()["paths"] == committed["paths"]
    assert scene.client.get("/redoc").status_code == 404


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
