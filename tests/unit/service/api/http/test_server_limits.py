"""What a client may do to connections, bodies and streams, and the problem when it is too much."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api.http import body_deadline, server
from service.api.waiting.slots import Slots
from service.app import create_app
from service.domain.errors import RecordsUnavailable
from service.settings import Settings

STREAM = {"Accept": "text/event-stream"}
HEAD = (
    b"POST /datasets HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n"
)
BEGUN = (
    b"Content-Length: 5000\r\n\r\n"
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\nPK\x03\x04'
)


def connected(scene: Any) -> socket.socket:
    return socket.create_connection((scene.client.base_url.host, scene.client.base_url.port), 20)


def endlessly(connection: socket.socket) -> None:
    for _ in range(1000):
        connection.sendall(b"a" * 2**16)
        time.sleep(0.001)


def until_closed(connection: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def problem_in(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert b"application/problem+json" in head
    problem: dict[str, Any] = json.loads(body)
    assert head.split()[1] == str(problem["status"]).encode()
    return problem


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def job_id(scene: Any) -> str:
    body = {"dataset_id": scene.dataset().id, "family": "vae", "budget": {"images": 100}}
    return str(scene.client.post("/train", json=body).json()["id"])


@pytest.mark.parametrize(
    ("sent", "code"),
    [(b"", None), (b"GET /jobs HTTP/1.1\r\nHost: loc", "request_timeout")],
    ids=["silent", "half a head"],
)
def test_a_head_that_does_not_arrive_ends_the_connection(
    scene: Any, monkeypatch: pytest.MonkeyPatch, sent: bytes, code: str | None
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
    with connected(scene) as connection:
        connection.sendall(sent)
        answer = until_closed(connection)
    assert answer == b"" if code is None else problem_in(answer)["code"] == code


def test_a_head_may_not_drip_in(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece comes soon after the one before, and the whole takes too long."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)
    with connected(scene) as connection:
        connection.sendall(b"GET /jobs HTTP/1.1\r\n")
        began = time.monotonic()
        while time.monotonic() - began < 15:
            try:
                connection.sendall(b"A: b\r\n")
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(0.05)
        else:
            pytest.fail("it went on")


def test_an_upload_that_stops_is_refused_and_leaves_no_file(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_deadline, "STALL_SECONDS", 0.3)
    with connected(scene) as connection:
        connection.sendall(HEAD + BEGUN)
        wait_for(lambda: bool(scene.files()))
        assert problem_in(until_closed(connection))["code"] == "request_timeout"
    wait_for(lambda: not scene.files())


def test_an_upload_that_drips_is_refused(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_deadline, "STALL_SECONDS", 0.5)
    with connected(scene) as connection:
        connection.sendall(HEAD + BEGUN)
        began = time.monotonic()
        connection.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - began < 15:
            connection.sendall(b"x")
            with suppress(TimeoutError):
                answer = connection.recv(65536)
    assert problem_in(answer)["code"] == "request_timeout"


def test_an_upload_that_breaks_off_leaves_no_file(scene: Any) -> None:
    with connected(scene) as connection:
        connection.sendall(HEAD + BEGUN)
        wait_for(lambda: bool(scene.files()))
    wait_for(lambda: not scene.files())


def test_an_upload_whose_framing_breaks_is_refused_and_leaves_no_file(scene: Any) -> None:
    with connected(scene) as connection:
        begun = BEGUN.partition(b"\r\n\r\n")[2]
        size = f"{len(begun):x}\r\n".encode()
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + size + begun + b"\r\n")
        wait_for(lambda: bool(scene.files()))
        connection.sendall(b"not a size\r\n")
        assert problem_in(until_closed(connection))["code"] == "malformed_request"
    wait_for(lambda: not scene.files())


def test_an_upload_for_another_site_is_refused_before_it_is_read(scene: Any) -> None:
    with connected(scene) as connection:
        connection.sendall(HEAD + b"Origin: https://evil.example\r\n" + BEGUN)
        answer = connection.recv(65536)
    assert b'"code":"origin_not_allowed"' in answer
    assert not scene.files()


@pytest.fixture
def few_connections(scene: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Of the protocol of this server; one of them is the client's own."""
    [protocol] = {type(each) for each in _connections(scene)}
    monkeypatch.setattr(protocol, "max_connections", 4)
    return 4


def _connections(scene: Any) -> set[Any]:
    scene.client.get("/healthz")
    return set(scene.server.server_state.connections)


def test_the_longest_idle_connection_makes_room(scene: Any, few_connections: int) -> None:
    idle = [connected(scene) for _ in range(3 * few_connections)]
    with httpx.Client(base_url=scene.client.base_url) as another:
        assert another.get("/healthz").status_code == 200
    for connection in idle:
        connection.close()


def test_a_connection_too_many_is_refused_by_a_problem(
    scene: Any, few_connections: int, job_id: str
) -> None:
    """All others are answering, so that none can make room."""
    head = f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n"
    request = f"{head}Accept: text/event-stream\r\n\r\n"
    scene.client.close()
    busy = [connected(scene) for _ in range(few_connections)]
    for connection in busy:
        connection.sendall(request.encode())
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    with connected(scene) as connection:
        problem = problem_in(until_closed(connection))
    assert (problem["status"], problem["code"]) == (503, "overloaded")
    for connection in busy:
        connection.close()


def test_streams_and_long_polls_are_limited_for_a_caller_and_in_all(
    scene: Any, job_id: str
) -> None:
    slots = Slots(most=2, most_per_caller=1)
    scene.app.state.waiting = replace(scene.app.state.waiting, slots=slots)
    path = f"/jobs/{job_id}/events"
    with scene.client.stream("GET", path, headers=STREAM) as first:
        assert first.status_code == 200
        for refused in (
            scene.client.get(path, headers=STREAM),
            scene.client.get(f"/jobs/{job_id}", params={"wait": 5}),
        ):
            scene.refused(refused, 429, "too_many_streams")
            assert refused.headers["retry-after"]
            assert "MAX_STREAMS_PER_CALLER" in refused.json()["detail"]
        assert scene.client.get(f"/jobs/{job_id}").status_code == 200
        caller = scene.context.caller
        other = replace(scene.context, caller=replace(caller, id="another"))
        scene.app.state.context = other
        with scene.client.stream("GET", path, headers=STREAM):
            scene.app.state.context = replace(other, caller=replace(caller, id="a third"))
            third = scene.client.get(path, headers=STREAM)
            scene.refused(third, 429, "too_many_streams")
            assert "SYNTHCXR_MAX_STREAMS)" in third.json()["detail"]
    scene.app.state.context = scene.context

    def free() -> bool:
        with scene.client.stream("GET", path, headers=STREAM) as again:
            return bool(again.status_code == 200)

    wait_for(free)  # a slot is given back when its client has gone


def _counting(read: Any, name: str, counted: Counter[str]) -> Any:
    def call(*arguments: Any, **options: Any) -> Any:
        counted[name] += 1
        return read(*arguments, **options)

    return call


@pytest.fixture
def calls(scene: Any, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts how often jobs are read, for whichever tenant."""
    jobs = type(scene.records.jobs)
    counted: Counter[str] = Counter()
    for name in ("job", "events", "revisions"):
        monkeypatch.setattr(jobs, name, _counting(getattr(jobs, name), name, counted))
    return counted


def test_streams_read_the_database_only_when_their_job_changes(
    scene: Any, job_id: str, calls: Counter[str]
) -> None:
    """Of any number of streams that wait, one query a tick is all that is made."""
    heard: list[str] = []

    def follow() -> None:
        url = f"{scene.client.base_url}/jobs/{job_id}/events"
        with httpx.stream("GET", url, headers=STREAM, timeout=20) as answer:
            heard.extend(line for line in answer.iter_lines() if line.startswith("event: "))

    threads = [threading.Thread(target=follow) for _ in range(12)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(heard) == 12)
    time.sleep(0.5)  # what is read on arrival is read
    calls.clear()
    time.sleep(1)
    assert set(calls) == {"revisions"}
    assert calls["revisions"] <= 12
    scene.records.jobs.request_cancel(job_id)
    for thread in threads:
        thread.join()
    assert Counter(heard) == {"event: state": 24, "event: done": 12}
    assert calls["events"] <= 6  # those that are equally far read together


def test_a_watcher_outlives_a_database_that_comes_back(
    scene: Any, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = type(scene.records.jobs)
    revisions = jobs.revisions

    def gone(*_: object) -> None:
        raise RecordsUnavailable("gone")

    monkeypatch.setattr(jobs, "revisions", gone)

    def come_back() -> None:
        monkeypatch.setattr(jobs, "revisions", revisions)
        scene.records.jobs.request_cancel(job_id)

    threading.Timer(0.5, come_back).start()
    answer = scene.client.get(f"/jobs/{job_id}", params={"wait": 20})
    assert answer.json()["state"] == "cancelled"


def test_version_and_health_wait_for_no_thread(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads may wait for a locked database."""
    released = threading.Event()
    catalog = type(scene.records.catalog)
    monkeypatch.setattr(catalog, "models", lambda *_, **__: released.wait(20) and None)
    waiting = [
        threading.Thread(target=lambda: httpx.get(f"{scene.client.base_url}/models", timeout=30))
        for _ in range(60)
    ]
    for thread in waiting:
        thread.start()
    time.sleep(0.5)
    try:
        for path in ("/healthz", "/version", "/nothing"):
            assert scene.client.get(path, timeout=10).status_code in {200, 404}
    finally:
        released.set()
        for thread in waiting:
            thread.join()


def test_no_more_files_is_said_to_be_overload(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_nothing(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(type(scene.records.catalog), "models", open_nothing)
    scene.refused(scene.client.get("/models"), 503, "overloaded")


def test_after_a_bug_the_connection_still_serves(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(scene.records.catalog), "models", bug)
    with connected(scene) as connection:
        connection.sendall(b"GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answers = until_closed(connection)
    assert answers.startswith(b"HTTP/1.1 500")
    assert b"HTTP/1.1 200" in answers


def test_an_answer_with_a_fault_in_every_field_stays_small(scene: Any) -> None:
    body = {f"unknown {number}": 1 for number in range(20_000)}
    answer = scene.client.post("/train", json=body)
    scene.refused(answer, 422, "invalid_request")
    assert len(answer.content) < 20_000


def test_a_host_is_allowed_by_its_setting(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, host="192.0.2.7", allowed_hosts=("cxr.example",))
    assert create_app(settings).state.hosts == ("192.0.2.7", "cxr.example")
    anywhere = Settings(data_dir=tmp_path, host="0.0.0.0")  # noqa: S104 - not bound here
    assert create_app(anywhere).state.hosts == ()


@pytest.mark.parametrize("endless", [b"0\r\nx: ", b"1;x="])
def test_trailers_and_chunk_extensions_may_not_go_on_for_ever(scene: Any, endless: bytes) -> None:
    with connected(scene) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + endless)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            endlessly(connection)
