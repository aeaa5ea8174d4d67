import threading
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest

from service.domain.caller import PRIVATE_READ, Caller
from service.domain.errors import FieldError, Problem
from service.domain.job import JobProgress


@pytest.fixture
def job(scene: Any) -> dict[str, Any]:
    """A training that waits."""
    dataset = scene.dataset()
    body = {"dataset_id": dataset.id, "family": "vae", "budget": {"images": 100}}
    created: dict[str, Any] = scene.client.post("/train", json=body).json()
    return created


def later(seconds: float, action: Any) -> threading.Thread:
    thread = threading.Timer(seconds, action)
    thread.start()
    return thread


def timed(client: httpx.Client, path: str, **options: Any) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    answer = client.get(path, **options)
    return answer, time.monotonic() - started


def test_an_unknown_job_is_not_found(scene: Any) -> None:
    for method, path in (
        ("GET", "/jobs/job_none"),
        ("GET", "/jobs/job_none/events"),
        ("POST", "/jobs/job_none/cancel"),
        ("POST", "/jobs/job_none/retry"),
        ("DELETE", "/jobs/job_none"),
    ):
        scene.refused(scene.client.request(method, path), 404, "job_not_found")


def test_a_running_job_shows_its_progress_and_when_to_ask_again(
    scene: Any, job: dict[str, Any]
) -> None:
    claim = scene.claimed(job["id"]).claim_held
    progress = JobProgress("training", 10, 100, 0.1, 5.0, 18.0)
    scene.records.jobs.record(claim, progress=progress, metrics={"loss": 0.5})
    answer = scene.client.get(f"/jobs/{job['id']}")
    view = answer.json()
    assert answer.headers["retry-after"] == "1"
    assert (view["state"], view["done"], view["attempt"]) == ("running", False, 1)
    assert view["progress"]["eta_seconds"] == 18.0
    assert view["metrics"] == {"loss": 0.5}
    assert view["started_at"].endswith("Z")
    assert view["queue_position"] is None


def test_a_failed_job_carries_its_problem(scene: Any, job: dict[str, Any]) -> None:
    claim = scene.claimed(job["id"]).claim_held
    scene.records.jobs.fail(claim, Problem("storage_full", "Full.", retryable=True))
    answer = scene.client.get(f"/jobs/{job['id']}")
    assert "retry-after" not in answer.headers
    assert answer.json()["error"]["code"] == "storage_full"
    assert answer.json()["error"]["retryable"] is True
    assert answer.json()["links"]["retry"] == f"/jobs/{job['id']}/retry"


def test_an_unchanged_job_is_not_sent_again(scene: Any, job: dict[str, Any]) -> None:
    path = f"/jobs/{job['id']}"
    etag = scene.client.get(path).headers["etag"]
    same = scene.client.get(path, headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    scene.claimed(job["id"])
    changed = scene.client.get(path, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


def test_waiting_ends_when_the_job_is_done(scene: Any, job: dict[str, Any]) -> None:
    path = f"/jobs/{job['id']}"
    cancel = later(0.3, lambda: scene.records.jobs.request_cancel(job["id"]))
    answer, seconds = timed(scene.client, path, params={"wait": 20})
    cancel.join()
    assert answer.json()["state"] == "cancelled"
    assert 0.25 < seconds < 3


def test_waiting_with_an_etag_ends_when_the_job_changed(scene: Any, job: dict[str, Any]) -> None:
    path = f"/jobs/{job['id']}"
    etag = scene.client.get(path).headers["etag"]
    claim = later(0.3, lambda: scene.claimed(job["id"]))
    answer, seconds = timed(
        scene.client, path, params={"wait": 20}, headers={"If-None-Match": etag}
    )
    claim.join()
    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    assert seconds < 3


def test_waiting_in_vain_ends_on_time(scene: Any, job: dict[str, Any]) -> None:
    path = f"/jobs/{job['id']}"
    answer, seconds = timed(scene.client, path, params={"wait": 1})
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    assert 0.9 < seconds < 3
    headers = {"If-None-Match": answer.headers["etag"]}
    assert scene.client.get(path, params={"wait": 1}, headers=headers).status_code == 304


@pytest.mark.parametrize("wait", ["-1", "31", "x", "1.5"])
def test_a_wait_out_of_range_is_refused(scene: Any, job: dict[str, Any], wait: str) -> None:
    answer = scene.client.get(f"/jobs/{job['id']}", params={"wait": wait})
    scene.refused(answer, 422, "invalid_request", "/query/wait")


def test_jobs_are_filtered_and_paged(scene: Any, job: dict[str, Any]) -> None:
    def listed(**params: Any) -> list[str]:
        return [item["id"] for item in scene.client.get("/jobs", params=params).json()["items"]]

    assert listed(kind="train") == [job["id"]]
    assert listed(kind="train", state="running") == []
    assert len(listed(kind="ingest", state="succeeded")) == 1
    page = scene.client.get("/jobs", params={"limit": 1}).json()
    assert [item["id"] for item in page["items"]] == [job["id"]]
    assert job["id"] not in listed(cursor=page["next_cursor"])
    for params in ({"cursor": "x"}, {"limit": 0}, {"limit": 201}, {"kind": "x"}, {"state": "x"}):
        [name] = params
        answer = scene.client.get("/jobs", params=params)
        scene.refused(answer, 422, "invalid_request", f"/query/{name}")


def test_a_job_is_cancelled_retried_and_deleted_only_when_that_is_possible(
    scene: Any, job: dict[str, Any]
) -> None:
    path = f"/jobs/{job['id']}"
    scene.refused(scene.client.post(f"{path}/retry"), 409, "illegal_move")
    scene.refused(scene.client.delete(path), 409, "job_not_done")
    scene.claimed(job["id"])
    for _ in range(2):
        cancelling = scene.client.post(f"{path}/cancel")
        assert (cancelling.status_code, cancelling.json()["state"]) == (202, "cancelling")
    scene.records.jobs.finish_cancelled(scene.records.jobs.job(job["id"]).claim_held)
    scene.queue.notified.clear()
    assert scene.client.post(f"{path}/retry").json()["state"] == "queued"
    assert scene.queue.notified == [("gpu.train", job["id"])]
    claim = scene.claimed(job["id"]).claim_held
    scene.records.jobs.fail(claim, Problem("broken", "It broke."))
    scene.refused(scene.client.post(f"{path}/cancel"), 409, "illegal_move")
    checkpoint = scene.context.artifacts.path(f"checkpoints/{job['id']}/1")
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights").write_text("w")
    assert scene.client.delete(path).status_code == 204
    assert scene.files() == []
    scene.refused(scene.client.get(path), 404, "job_not_found")


def test_an_ingest_is_retried_only_while_its_archive_is_kept(scene: Any) -> None:
    upload = {"file": ("images.zip", b"PK\x03\x04")}
    job = scene.client.post("/datasets", files=upload).json()
    path = f"/jobs/{job['id']}"
    scene.client.post(f"{path}/cancel")
    assert scene.client.post(f"{path}/retry").status_code == 202
    scene.client.post(f"{path}/cancel")
    scene.context.artifacts.delete_upload(job["id"])
    scene.refused(scene.client.post(f"{path}/retry"), 409, "upload_gone")
    assert scene.client.get(path).json()["state"] == "cancelled"


def test_callers_who_poll_together_are_recorded_each_by_name(scene: Any) -> None:
    """They share a reading, and what is private in it was shown to both."""
    counts = {"normal": 8, "effusion": 8}
    body = {"phantom": {"class_counts": counts, "image_size": 64, "seed": 1}}
    job_id = scene.client.post("/datasets", json=body).json()["id"]
    named = Problem("too_many_bad_files", "Some.", fields=(FieldError("/files/0", "a.png"),))
    scene.records.jobs.fail(scene.claimed(job_id).claim_held, named)
    for name in ("key_one", "key_two"):
        caller = replace(Caller.without_key(PRIVATE_READ), id=name)
        scene.app.state.context = replace(scene.context, caller=caller)
        assert "a.png" in scene.client.get(f"/jobs/{job_id}").text
    entries = scene.records.audit.entries("default").items
    assert {"key_one", "key_two"} == {each.actor for each in entries if each.target == job_id}
