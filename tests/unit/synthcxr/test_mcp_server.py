"""An assistant orders, watches, saves and verifies sets, and sees nothing that was not released."""

import hashlib
import json
import shutil
import sys

import anyio
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mcp import Client, StdioServerParameters, stdio_client

from synthcxr.client import AsyncClient
from synthcxr.errors import ServiceUnreachable
from synthcxr.mcp_server import SetTools, serve
from synthcxr.signature import key_id_of
from tests.unit.synthcxr import conftest
from tests.unit.synthcxr.conftest import PUBLIC_PEM

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
MEDIA = {"content-type": "application/problem+json"}
ZIPS = [b""]  # what a download is answered with


def answer(request):
    path = request.url.path
    if path == "/generate":
        body = json.loads(request.content)
        if body["model_id"] == "mdl_2":
            return httpx.Response(404, json=PROBLEM, headers=MEDIA)
        assert body["class_counts"] == {"COVID": 5}
        return httpx.Response(202, json=JOB)
    if path == "/jobs/job_1":
        assert int(request.url.params.get("wait", 0)) <= 30
        return httpx.Response(200, json=JOB | {"state": "succeeded", "done": True})
    if path == "/signing-keys":
        return httpx.Response(200, json={"items": [{"id": "k", "pem": PUBLIC_PEM.decode()}]})
    if path == "/synthetic-sets/syn_1/download":
        etag = f'"{hashlib.sha256(ZIPS[0]).hexdigest()}"'
        return httpx.Response(200, content=ZIPS[0], headers={"etag": etag})
    if path == "/models":
        return httpx.Response(404, json=PROBLEM, headers=MEDIA)
    if path.startswith("/synthetic-sets/"):
        assert path.count("/") == 2, "nothing of a set that was not released is asked for"
        verdict = TOO_FEW if path.endswith("syn_2") else PASSED
        made = {"id": path.rpartition("/")[2], "verdict": verdict, "num_images": 5, "more": 1}
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


def test_a_set_that_is_asked_for_many_times_at_once_is_saved_whole(tmp_path, make_set):
    ZIPS[0] = make_set(size=64).read_bytes()

    async def save_all():
        service = httpx.MockTransport(answer)
        async with AsyncClient("http://service", token="k", transport=service) as client:
            tools, found = SetTools(client, tmp_path / "sets"), []

            async def save():
                found.append(await tools.save_set("syn_1"))

            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(save)
            return found

    found = anyio.run(save_all)
    assert [each["num_images"] for each in found] == [6] * 4
    assert "which is trusted" in found[0]["trust"]
    [saved] = (tmp_path / "sets").iterdir()
    assert saved.read_bytes() == ZIPS[0]


def test_a_set_that_the_service_has_not_signed_is_neither_saved_nor_believed(
    tmp_path, make_set, monkeypatch
):
    another = Ed25519PrivateKey.generate()
    public = another.public_key()
    with monkeypatch.context() as forger:
        forger.setattr(conftest, "KEY", another)
        forger.setattr(conftest, "KEY_ID", key_id_of(public))
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        forger.setattr(conftest, "PUBLIC_PEM", pem)
        forged = make_set()
    ZIPS[0] = forged.read_bytes()
    failed, _ = called(tmp_path, "save_set", set_id="syn_1")
    assert failed
    assert not [*(tmp_path / "sets").iterdir()]
    shutil.copy(forged, tmp_path / "sets" / "syn_1.zip")
    failed, text = called(tmp_path, "save_set", set_id="syn_1")
    assert failed
    assert "foreign_signature" in text


def test_a_set_that_was_signed_as_not_released_is_not_saved_whatever_the_service_says(
    tmp_path, make_set
):
    ZIPS[0] = make_set(said={"gate": {"verdict": {"outcome": "inconclusive"}}}).read_bytes()
    failed, text = called(tmp_path, "save_set", set_id="syn_1")
    assert failed
    assert "not released" in text
    assert not [*(tmp_path / "sets").iterdir()]


@pytest.mark.parametrize("tool", ["save_set", "verify_saved_set"])
@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"synthetic_set_id": "syn_9"}, "another set, syn_9"),
        ({"gate": {"verdict": {"outcome": "inconclusive"}}}, "not released"),
    ],
)
def test_a_file_there_that_is_another_set_or_was_not_released_is_not_taken_for_it(
    tmp_path, make_set, tool, said, why
):
    (tmp_path / "sets").mkdir()
    shutil.copy(make_set(said=said), tmp_path / "sets" / "syn_1.zip")
    failed, text = called(tmp_path, tool, set_id="syn_1")
    assert failed
    assert why in text


def test_another_set_than_the_one_asked_for_is_not_saved(tmp_path, make_set):
    ZIPS[0] = make_set(said={"synthetic_set_id": "syn_9"}).read_bytes()
    failed, text = called(tmp_path, "save_set", set_id="syn_1")
    assert failed
    assert "syn_9" in text
    assert not [*(tmp_path / "sets").iterdir()]


def test_a_set_is_verified_by_keys_that_are_asked_for_once(tmp_path, make_set, monkeypatch):
    ZIPS[0] = make_set().read_bytes()
    asked = []

    def noted(request, answer=answer):
        asked.append(request.url.path)
        return answer(request)

    monkeypatch.setitem(globals(), "answer", noted)
    failed, _ = called(tmp_path, "save_set", set_id="syn_1")
    assert not failed
    assert asked.count("/signing-keys") == 1


def test_a_list_that_cannot_be_read_says_why_and_a_set_shows_known_fields_alone(tmp_path):
    failed, text = called(tmp_path, "list_models")
    assert failed
    assert "There is no model" in text
    _, text = called(tmp_path, "show_set", set_id="syn_1")
    assert "more" not in json.loads(text)


def test_a_password_in_an_address_is_in_no_message():
    said = str(ServiceUnreachable("https://me:secret@host:1/path", "refused"))
    assert "https://***@host:1/path" in said
    assert "secret" not in said


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
