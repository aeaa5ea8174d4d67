"""An assistant orders, watches, saves and verifies sets, and sees nothing that was not released."""

import json
import sys

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters, stdio_client

from synthcxr.client import AsyncClient
from synthcxr.mcp_server import serve

JOB = {"id": "job_1", "kind": "generate", "state": "queued", "queue_position": 1}
PASSED = {"outcome": "passed"}
TOO_FEW = {"outcome": "inconclusive", "code": "power", "reasons": ["Too few patients."]}
PROBLEM = {
    "type": "about:blank",
    "title": "Not found",
    "status": 404,
    "code": "model_not_found",
    "detail": "There is no model mdl_2: list the models.",
}


def answer(request):
    path = request.url.path
    if path == "/generate":
        body = json.loads(request.content)
        if body["model_id"] == "mdl_2":
            media = {"content-type": "application/problem+json"}
            return httpx.Response(404, json=PROBLEM, headers=media)
        assert body["class_counts"] == {"COVID": 5}
        return httpx.Response(202, json=JOB)
    if path == "/jobs/job_1":
        assert int(request.url.params.get("wait", 0)) <= 30
        return httpx.Response(200, json=JOB | {"state": "succeeded", "done": True})
    if path.startswith("/synthetic-sets/"):
        assert path.count("/") == 2, "nothing of a set that was not released is asked for"
        verdict = TOO_FEW if path.endswith("syn_2") else PASSED
        made = {"id": path.rpartition("/")[2], "verdict": verdict, "num_images": 5}
        return httpx.Response(200, json=made)
    raise AssertionError(path)


def called(tmp_path, tool, **arguments):
    """Call a tool as an assistant does; returns whether it failed, and its answer's text."""

    async def call():
        service = httpx.MockTransport(answer)
        async with (
            AsyncClient("http://service", token="k", transport=service) as client,
            Client(serve(client, tmp_path / "sets")) as assistant,
        ):
            found = await assistant.call_tool(tool, arguments)
            return found.is_error, found.content[0].text

    return anyio.run(call)


def test_a_set_is_ordered_and_watched(tmp_path):
    failed, text = called(tmp_path, "order_set", model_id="mdl_1", class_counts={"COVID": 5})
    assert (failed, json.loads(text)["id"]) == (False, "job_1")
    failed, text = called(tmp_path, "watch_job", job_id="job_1", wait_seconds=3600)
    assert (failed, json.loads(text)["state"]) == (False, "succeeded")


def test_what_the_service_refuses_is_said_with_its_remedy(tmp_path):
    failed, text = called(tmp_path, "order_set", model_id="mdl_2", class_counts={"COVID": 5})
    assert failed
    assert "list the models" in text


def test_a_set_that_was_not_released_is_shown_with_its_reasons_and_never_saved(tmp_path):
    failed, text = called(tmp_path, "show_set", set_id="syn_2")
    shown = json.loads(text)
    assert (failed, shown["released"]) == (False, False)
    assert shown["verdict"]["reasons"] == ["Too few patients."]
    failed, text = called(tmp_path, "save_set", set_id="syn_2")
    assert failed
    assert "inconclusive(power)" in text
    assert not (tmp_path / "sets").exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "syn_1/../../x", ""])
def test_nothing_outside_the_folder_is_read(tmp_path, name):
    (tmp_path / "secret.zip").write_bytes(b"")
    failed, text = called(tmp_path, "verify_saved_set", set_id=name)
    assert failed
    assert "is no identifier of a set" in text


def test_the_command_serves_on_standard_input_and_output_and_names_its_tools(tmp_path):
    command = [*("-m", "synthcxr", "mcp"), *("--folder", str(tmp_path))]

    async def tools():
        streams = stdio_client(StdioServerParameters(command=sys.executable, args=command))
        async with Client(streams) as assistant:
            return {tool.name for tool in (await assistant.list_tools()).tools}

    names = anyio.run(tools)
    assert names >= {"plan_set", "order_set", "watch_job", "show_set", "save_set"}
    assert not [name for name in names if "preview" in name or "finding" in name]
