from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from synthcxr.client import Client
from synthcxr.errors import Conflict, JobFailed, ServiceUnreachable
from synthcxr.resources import Job

Answer = Callable[[httpx.Request], httpx.Response]

QUEUED = {"id": "job_1", "kind": "train", "state": "queued", "done": False, "request": {}}


def client_of(answer: Answer) -> Client:
    return Client("http://service", transport=httpx.MockTransport(answer), sleep=lambda _: None)


@pytest.fixture
def client() -> Callable[[Answer], Client]:
    return client_of


def test_what_was_not_given_is_left_to_the_service(client) -> None:
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.read()))
        return httpx.Response(202, json=QUEUED)

    client(answer).train("ds_1", family="ldm", seed=None, budget={"seconds": 5})
    assert bodies == [{"dataset_id": "ds_1", "family": "ldm", "budget": {"seconds": 5}}]


def test_every_creating_post_carries_a_key(client, tmp_path: Path) -> None:
    keys = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        return httpx.Response(202, json=QUEUED)

    (tmp_path / "a.png").write_bytes(b"png")
    asking = client(answer)
    asking.train("ds_1", family="ldm", budget={"seconds": 5})
    asking.generate("mdl_1", balance=True)
    asking.datasets.add_phantoms({"normal": 8})
    asking.datasets.add_from_server("/radiographs")
    asking.datasets.upload(tmp_path)
    asking.jobs.retry("job_1")
    asking.models.preview("mdl_1")
    assert len(set(keys)) == 7


def test_a_preview_that_is_not_done_or_failed_saves_nothing(client, tmp_path: Path) -> None:
    job = {"id": "job_1", "kind": "preview", "request": {"classes": ["normal"]}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(".png"):
            return httpx.Response(409, json={"code": "job_not_done", "detail": "It is not."})
        return httpx.Response(200, json=job)

    job |= {"state": "running", "done": False}
    with pytest.raises(Conflict, match="It is not"):
        client(answer).models.save_previews("mdl_1", "job_1", tmp_path)
    job |= {"state": "cancelled", "done": True}
    with pytest.raises(JobFailed):
        client(answer).models.save_previews("mdl_1", "job_1", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_preview_replaces_a_link_and_leaves_what_it_leads_to(client, tmp_path: Path) -> None:
    job = {"id": "job_1", "kind": "preview", "request": {"classes": ["normal"]}}
    job |= {"state": "succeeded", "done": True}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(".png"):
            return httpx.Response(200, content=b"picture")
        return httpx.Response(200, json=job)

    mine, folder = tmp_path / "mine", tmp_path / "pictures"
    mine.write_bytes(b"mine")
    folder.mkdir()
    (folder / "0-normal.png").symlink_to(mine)
    [file] = client(answer).models.save_previews("mdl_1", "job_1", folder)
    assert mine.read_bytes() == b"mine"
    assert (file.read_bytes(), file.is_symlink()) == (b"picture", False)
    assert list(folder.iterdir()) == [file]


def test_a_folder_is_uploaded_as_a_zip_without_what_is_hidden(client, tmp_path: Path) -> None:
    (tmp_path / "COVID" / "images").mkdir(parents=True)
    (tmp_path / "COVID" / "images" / "1.png").write_bytes(b"one")
    (tmp_path / ".DS_Store").write_bytes(b"hidden")
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.read())
        return httpx.Response(202, json=QUEUED)

    client(answer).datasets.upload(tmp_path, name="images", image_size=64)
    [body] = sent
    start, end = body.index(b"PK\x03\x04"), body.rindex(b"\r\n--")
    with zipfile.ZipFile(BytesIO(body[start:end])) as archive:
        assert archive.namelist() == ["COVID/images/1.png"]
    assert b'name="name"\r\n\r\nimages' in body
    assert b'name="image_size"\r\n\r\n64' in body


def test_waiting_reports_progress_and_ends_with_the_job(client) -> None:
    states = iter(["queued", "running", "succeeded"])

    def answer(request: httpx.Request) -> httpx.Response:
        state = next(states)
        return httpx.Response(200, json={**QUEUED, "state": state, "done": state == "succeeded"})

    seen: list[str] = []
    job = client(answer).jobs.wait("job_1", lambda job: seen.append(job.state))
    assert seen == ["queued", "running", "succeeded"]
    assert job.done


def test_waiting_outlasts_a_restart_of_the_service(client) -> None:
    calls = iter(range(100))

    def answer(request: httpx.Request) -> httpx.Response:
        if next(calls) < 20:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json={**QUEUED, "state": "succeeded", "done": True})

    assert client(answer).jobs.wait("job_1").state == "succeeded"


def test_lists_go_on_to_their_last_page(client) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["state"] == "running"
        if request.url.params.get("cursor") == "next":
            return httpx.Response(200, json={"items": [{**QUEUED, "id": "job_2"}]})
        return httpx.Response(200, json={"items": [QUEUED], "next_cursor": "next"})

    assert [job.id for job in client(answer).jobs.list(state="running")] == ["job_1", "job_2"]


def event(sequence: int, kind: str) -> dict[str, object]:
    return {"sequence": sequence, "kind": kind, "at": "2026-01-01T00:00:00Z", "data": {}}


def test_a_broken_event_stream_is_taken_up_after_the_last_event(client) -> None:
    resumed_after = []

    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.headers["last-event-id"])
        resumed_after.append(after)
        kinds = {0: [(1, "state"), (2, "progress")], 2: [(3, "done")]}[after]
        text = "".join(
            f"id: {number}\nevent: {kind}\ndata: {json.dumps(event(number, kind))}\n\n"
            for number, kind in kinds
        )
        text += f"id: 9\nevent: done\ndata: {json.dumps(event(9, 'done'))}"  # cut off
        return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})

    events = list(client(answer).jobs.stream("job_1"))
    assert [event.sequence for event in events] == [1, 2, 3]
    assert resumed_after == [0, 2]


def test_the_stream_of_a_job_that_is_done_ends_where_nothing_more_comes(client) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["last-event-id"])
        return httpx.Response(204)

    assert list(client(answer).jobs.stream("job_1", after=3)) == []
    assert asked == ["3"]


def test_events_are_read_page_by_page(client) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        items = [event(after + 1, "progress")] if after < 3 else []
        return httpx.Response(200, json={"items": items})

    assert [event.sequence for event in client(answer).jobs.events("job_1")] == [1, 2, 3]


def test_an_unknown_field_does_not_disturb_and_is_kept(client) -> None:
    new = {**QUEUED, "priority": "high"}
    job = client(lambda _: httpx.Response(200, json=new)).jobs.get("job_1")
    assert job.model_dump()["priority"] == "high"


def test_something_else_at_the_url_is_not_taken_for_the_service(client) -> None:
    with pytest.raises(ServiceUnreachable, match="language"):
        client(lambda _: httpx.Response(200, text="<html>It works!</html>")).jobs.get("job_1")


def test_a_failed_job_says_why() -> None:
    error = {"code": "storage_full", "detail": "The disk is full.", "status": 507}
    job = Job.model_validate({**QUEUED, "state": "failed", "done": True, "error": error})
    with pytest.raises(JobFailed, match=r"Job job_1 failed: The disk is full \[storage_full\]"):
        job.raise_unless_succeeded()


def test_a_cancelled_job_is_no_success() -> None:
    job = Job.model_validate({**QUEUED, "state": "cancelled", "done": True})
    with pytest.raises(JobFailed, match="Job job_1 cancelled"):
        job.raise_unless_succeeded()


def test_the_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHCXR_URL", "http://images:1")
    assert Client().base_url == "http://images:1"
