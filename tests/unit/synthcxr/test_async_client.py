from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import httpx
import pytest

from synthcxr import AsyncClient, Client, NotFound
from synthcxr.client.binding import AsyncGroup, Group

Answer = Callable[[httpx.Request], httpx.Response]
QUEUED = {"id": "job_1", "kind": "train", "state": "queued", "done": False, "request": {}}
DONE = {**QUEUED, "state": "succeeded", "done": True}


async def at_once(seconds: float) -> None:
    await anyio.lowlevel.checkpoint()


def run(answer: Answer, use: Callable[[AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        network = httpx.MockTransport(answer)
        async with AsyncClient("http://service", transport=network, sleep=at_once) as client:
            await use(client)

    anyio.run(main)


def methods(group: Group | AsyncGroup) -> dict[str, inspect.Signature]:
    found = (name for name in dir(group) if not name.startswith("_"))
    return {
        name: inspect.signature(method)
        for name in found
        if callable(method := getattr(group, name)) and name not in {"close", "aclose"}
    }


def groups(client: Client | AsyncClient) -> dict[str, Group | AsyncGroup]:
    found = {name: part for name, part in vars(client).items() if not name.startswith("_")}
    return {name: part for name, part in found.items() if isinstance(part, Group | AsyncGroup)}


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    client, async_client = Client("http://service"), AsyncClient("http://service")
    assert methods(client) == methods(async_client)
    ours, theirs = groups(client), groups(async_client)
    assert list(ours) == list(theirs)
    assert len(ours) == 8
    for name, group in ours.items():
        assert methods(group) == methods(theirs[name]), name
        assert all("wire" not in method.parameters for method in methods(group).values())


def test_every_method_is_documented() -> None:
    client = Client("http://service")
    for group in (client, *groups(client).values()):
        for name in methods(group):
            assert getattr(group, name).__doc__


def test_a_job_is_awaited_to_its_end() -> None:
    states = iter([QUEUED, DONE])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            assert json.loads(request.content)["family"] == "ldm"
            return httpx.Response(202, json=QUEUED)
        return httpx.Response(200, json=next(states))

    async def use(client: AsyncClient) -> None:
        job = await client.train("ds_1", family="ldm", budget={"seconds": 5})
        seen: list[str] = []
        ended = await client.jobs.wait(job.id, lambda job: seen.append(job.state))
        assert ended.done
        assert seen == ["queued", "succeeded"]

    run(answer, use)


def test_lists_go_on_to_their_last_page() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "next":
            return httpx.Response(200, json={"items": [{**QUEUED, "id": "job_2"}]})
        return httpx.Response(200, json={"items": [QUEUED], "next_cursor": "next"})

    async def use(client: AsyncClient) -> None:
        assert [job.id async for job in client.jobs.list()] == ["job_1", "job_2"]

    run(answer, use)


def test_events_stream_until_the_job_is_done() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.headers["last-event-id"])
        kind = "state" if after == 0 else "done"
        event = {"sequence": after + 1, "kind": kind, "data": {}}
        text = f"id: {after + 1}\ndata: {json.dumps(event)}\n\n"
        return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})

    async def use(client: AsyncClient) -> None:
        kinds = [event.kind async for event in client.jobs.stream("job_1")]
        assert kinds == ["state", "done"]

    run(answer, use)


def test_a_request_is_sent_again_under_the_same_key() -> None:
    keys = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            raise httpx.ReadError("lost")
        return httpx.Response(503 if len(keys) == 2 else 202, json=QUEUED)

    async def use(client: AsyncClient) -> None:
        await client.generate("mdl_1", balance=True)

    run(answer, use)
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_a_set_is_downloaded_and_a_folder_uploaded(tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"png")

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            assert b"PK\x03\x04" in request.content
            return httpx.Response(202, json=QUEUED)
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        return httpx.Response(200, content=content, headers={"ETag": etag})

    async def use(client: AsyncClient) -> None:
        await client.datasets.upload(tmp_path / "images", image_size=64)
        sha256 = await client.sets.download("syn_1", tmp_path / "set.zip")
        assert sha256 == hashlib.sha256(content).hexdigest()

    run(answer, use)
    assert (tmp_path / "set.zip").read_bytes() == content


def test_a_preview_is_drawn_and_saved(tmp_path: Path) -> None:
    columns = [{"seed": 1}, {"sampler": {"num_steps": 4}}]
    job = QUEUED | {"state": "succeeded", "done": True, "request": {"classes": ["normal"]}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            asked = {"columns": columns, "images_per_class": 2}
            assert json.loads(request.content) == asked
            return httpx.Response(202, json=job)
        if request.url.path == "/models/mdl_1/previews/job_1/0.png":
            return httpx.Response(200, content=b"picture")
        return httpx.Response(200, json=job)

    async def use(client: AsyncClient) -> None:
        made = await client.models.preview("mdl_1", columns, images_per_class=2)
        [file] = await client.models.save_previews("mdl_1", made.id, tmp_path)
        assert (file.name, file.read_bytes()) == ("0-normal.png", b"picture")

    run(answer, use)


def test_a_refusal_is_raised_with_its_code_and_request_id() -> None:
    problem = {"code": "job_not_found", "detail": "No such job.", "request_id": "req_1"}

    async def use(client: AsyncClient) -> None:
        with pytest.raises(NotFound) as caught:
            await client.jobs.get("job_x")
        assert (caught.value.code, caught.value.request_id) == ("job_not_found", "req_1")

    run(lambda _: httpx.Response(404, json=problem), use)


def test_a_stream_that_is_given_up_closes_its_connection() -> None:
    closed = []

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self):
            number = 0
            while True:
                number += 1
                event = {"sequence": number, "kind": "progress", "data": {}}
                yield f"id: {number}\ndata: {json.dumps(event)}\n\n".encode()

        async def aclose(self) -> None:
            closed.append(True)

    headers = {"Content-Type": "text/event-stream"}

    async def use(client: AsyncClient) -> None:
        with anyio.move_on_after(0.05):
            async for _ in client.jobs.stream("job_1"):
                await anyio.sleep(0.01)
        await anyio.lowlevel.checkpoint()

    run(lambda _: httpx.Response(200, stream=Endless(), headers=headers), use)
    assert closed
