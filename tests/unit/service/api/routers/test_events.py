import json
import threading
from dataclasses import replace
from typing import Any

import httpx
import pytest

from service.domain.caller import PRIVATE_READ, Caller

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def job_id(scene: Any) -> str:
    body = {"dataset_id": scene.dataset().id, "family": "vae", "budget": {"images": 100}}
    return str(scene.client.post("/train", json=body).json()["id"])


def streamed(response: httpx.Response) -> list[dict[str, str]]:
    """Read a stream to its end."""
    messages: list[dict[str, str]] = [{}]
    for line in response.iter_lines():
        if not line:
            messages.append({})
        else:
            name, _, value = line.partition(": ")
            messages[-1][name] = value
    return [message for message in messages if message.get("id")]


def follow(scene: Any, job_id: str, **headers: str) -> list[dict[str, str]]:
    with scene.client.stream("GET", f"/jobs/{job_id}/events", headers=STREAM | headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return streamed(answer)


def test_the_log_is_read_in_pages(scene: Any, job_id: str) -> None:
    claim = scene.claimed(job_id).claim_held
    scene.records.jobs.record(claim, events=[("log", {"message": str(n)}) for n in range(5)])
    path = f"/jobs/{job_id}/events"
    page = scene.client.get(path, params={"limit": 3}).json()
    assert [item["sequence"] for item in page["items"]] == [1, 2, 3]
    rest = scene.client.get(path, params={"after": page["next_after"]}).json()
    assert [item["sequence"] for item in rest["items"]] == [4, 5, 6, 7]
    assert rest["items"][0]["kind"] == "log"
    end = scene.client.get(path, params={"after": 7}).json()
    assert end == {"items": [], "next_after": 7}


def test_a_stream_follows_the_job_to_its_end(scene: Any, job_id: str) -> None:
    def work() -> None:
        claim = scene.claimed(job_id).claim_held
        scene.records.jobs.record(claim, events=[("sample", {"n": 1})])
        scene.records.jobs.request_cancel(job_id)
        scene.records.jobs.finish_cancelled(claim)

    worker = threading.Timer(0.3, work)
    worker.start()
    messages = follow(scene, job_id)
    worker.join()
    assert [message["id"] for message in messages] == ["1", "2", "3", "4", "5", "6"]
    kinds = ["state", "state", "sample", "state", "state", "done"]
    assert [message["event"] for message in messages] == kinds
    last = json.loads(messages[-1]["data"])
    assert (last["sequence"], last["kind"], last["data"]) == (6, "done", {"state": "cancelled"})


def test_a_stream_resumes_behind_the_last_event_it_sent(scene: Any, job_id: str) -> None:
    scene.records.jobs.request_cancel(job_id)
    complete = follow(scene, job_id)
    resumed = follow(scene, job_id, **{"Last-Event-ID": complete[0]["id"]})
    assert resumed == complete[1:]


def test_a_stream_that_has_everything_is_ended(scene: Any, job_id: str) -> None:
    scene.records.jobs.request_cancel(job_id)
    headers = {**STREAM, "Last-Event-ID": "3"}
    answer = scene.client.get(f"/jobs/{job_id}/events", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_stream_ends_when_its_job_is_deleted(scene: Any, job_id: str) -> None:
    def delete() -> None:
        with scene.store.lock:
            scene.records.jobs.request_cancel(job_id)
            scene.records.jobs.delete_job(job_id)

    deletion = threading.Timer(0.3, delete)
    deletion.start()
    messages = follow(scene, job_id)
    deletion.join()
    assert [message["id"] for message in messages] == ["1"]


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "99999999999"])
def test_an_ill_formed_last_event_id_is_refused(scene: Any, job_id: str, given: str) -> None:
    headers = {**STREAM, "Last-Event-ID": given}
    answer = scene.client.get(f"/jobs/{job_id}/events", headers=headers)
    scene.refused(answer, 422, "invalid_request", "/header/Last-Event-ID")


@pytest.mark.parametrize("as_stream", [False, True])
def test_what_a_model_draws_while_it_trains_is_for_who_may_read_what_is_private(
    scene: Any, job_id: str, *, as_stream: bool
) -> None:
    claim = scene.claimed(job_id).claim_held
    sample = {"images_seen": 9, "class_indices": [0], "png_base64": "aW1hZ2U="}
    scene.records.jobs.record(claim, events=[("sample", sample)])
    scene.records.jobs.request_cancel(job_id)
    scene.records.jobs.finish_cancelled(claim)

    def read() -> str:
        path = f"/jobs/{job_id}/events"
        return str(scene.client.get(path, headers=STREAM if as_stream else {}).text)

    shown = read()
    assert "images_seen" in shown
    assert PRIVATE_READ in shown
    assert sample["png_base64"] not in shown
    scene.app.state.context = replace(scene.context, caller=Caller.without_key(PRIVATE_READ))
    assert sample["png_base64"] in read()
