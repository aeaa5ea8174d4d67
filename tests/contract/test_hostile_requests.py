"""Whatever bytes are sent, the answer is a documented one, and the connection stays honest.

The requests stand under the status and code of their answer. After each, the same connection
answers the next request, or it was announced that it closes.
"""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from service.adapters.clock import SystemClock
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.secret_box import FileSecretBox
from service.adapters.signing_keys import KeyRing
from service.api.http.server import server_config
from service.app import create_app
from service.context import AppContext
from service.settings import Settings
from tests.in_memory_queue import MemoryQueue
from tests.in_memory_records import MemoryStore

HOST = "Host: 127.0.0.1:8765\r\n"
JSON = "Content-Type: application/json\r\n"
FORM = "Content-Type: multipart/form-data; boundary=x\r\n"
CHUNKED = f"POST /train HTTP/1.1\r\n{HOST}{JSON}Transfer-Encoding: chunked\r\n"
SIZED = f"POST /train HTTP/1.1\r\n{HOST}{JSON}Content-Length: "
DISPOSITION = 'Content-Disposition: form-data; name="file"; filename="a.zip"'
TRAIN = '{"dataset_id": "ds_0", "family": "vae", "budget": {"images": 100}, "config": %s}'
SAMPLE = '{"model_id": "mdl_0", "class_counts": {"a": 1}, "sampler": %s}'


def request(method: str, target: str, headers: str = "", body: str | None = None) -> str:
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    return f"{method} {target} HTTP/1.1\r\n{HOST}{headers}{length}\r\n{body or ''}"


def get(target: str, headers: str = "") -> str:
    return request("GET", target, headers)


def post(target: str, body: str, headers: str = JSON) -> str:
    return request("POST", target, headers, body)


def form(content: str, content_type: str = "multipart/form-data; boundary=x") -> str:
    return post("/datasets", content, f"Content-Type: {content_type}\r\n")


def part(disposition: str) -> str:
    return f"--x\r\n{disposition}\r\n\r\nPK\x03\x04\r\n--x--\r\n"


def named(*requests: str) -> dict[str, str]:
    return {repr(each[:90]): each for each in requests}


FILE = part(DISPOSITION)
DEEP = {
    f"{place}, {depth} deep": post(target, body % (opening * depth + core + closing * depth))
    for depth in (17, 60, 300, 900)
    for place, target, body, opening, core, closing in (
        ("dicts in config", "/train", TRAIN, '{"a":', "1", "}"),
        ("lists as config", "/train", TRAIN, "[", "", "]"),
        ("lists in config", "/train", TRAIN % '{"a": %s}', "[", "", "]"),
        ("dicts in sampler", "/generate", SAMPLE, '{"a":', "1", "}"),
        ("lists in sampler", "/generate", SAMPLE % '{"a": %s}', "[", "", "]"),
        ("dicts as labels", "/generate", '{"labels": %s}', '{"a":', "1", "}"),
        ("dicts as phantom", "/datasets", '{"phantom": %s}', '{"a":', "1", "}"),
    )
}
VALUES = (
    r'"\ud800"',
    r'{"\ud800": 1}',
    r'"\u0000"',
    "1e999",
    "NaN",
    "-Infinity",
    '{"a": 1, "a": 2}',
    '"' + "x" * 100_000 + '"',
)
FIELDS = {
    "/train": ("config", "labels", "family", "dataset_id", "seed", "budget", "preset", "privacy"),
    "/generate": ("model_id", "class_counts", "sampler", "seed", "labels", "mixtures"),
    "/datasets": ("path", "phantom", "name", "image_size", "labels"),
}
INVALID_VALUES = {
    f"{value[:20]} as {field} of {target}": post(target, f'{{"{field}": {value}}}')
    for target, fields in FIELDS.items()
    for field in fields
    for value in VALUES
    if (field, value) != ("path", r'"\u0000"')  # which is a path that does not exist
}
LINK = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
SAME_ORIGIN = f"Origin: http://{HOST.split()[1]}\r\n"

ANSWERS: dict[tuple[int, str | None], dict[str, str]] = {
    (422, "invalid_request"): {
        **DEEP,
        **INVALID_VALUES,
        **named(
            get("/jobs?" + "a=b&" * 5000),
            *(post("/train", body) for body in ("", "null", "[]", '"x"', "{", "\x00", "{}{}")),
            *(post("/datasets", body) for body in ("", "null", "[]", "1", "{", "\xff")),
            post("/train", "{}", "Content-Type: application/json; charset=undefined\r\n"),
            post("/train", "{}", "Content-Type: application/json; charset=\xff\r\n"),
            post("/train", FILE, "Content-Type: multipart/form-data; charset=punycode\r\n"),
            post("/train", "{}", f"{JSON}Idempotency-Key: {'a' * 40_000}\r\n"),
            post("/train", "{}", f"{JSON}Idempotency-Key: \xff\r\n"),
            post("/datasets", "{" * 100_000),
            get("/jobs?cursor=" + "9" * 90 + "-a"),
            get("/jobs?cursor=%00-a"),
            get("/jobs?cursor=%ff"),
            get("/jobs?cursor=%C2%B2-a"),
            get("/jobs?cursor=-99999999999999999999-a"),
            get("/jobs?cursor=" + "a" * 40_000),
            get("/jobs?limit=1e1"),
            get("/jobs?limit=99999999999999999999999"),
            get("/jobs?kind=%00"),
            get("/jobs?state=%ff"),
            get("/jobs/a?wait=NaN"),
            get("/jobs/%00"),
            get("/jobs/" + "a" * 40_000),
            get("/synthetic-sets/s/images/99999999999999999999999.png"),
            get("/synthetic-sets/s/images/-1.png"),
            get("/jobs/a/events?after=-1"),
            get("/jobs/a/events", "Last-Event-ID: \xff\r\n"),
            get("/jobs/a/events", "Last-Event-ID: 9999999999999999999999\r\n"),
            form(part(DISPOSITION.replace('"file"', '"other"'))),
            form(part("Content-Disposition: form-data; name=file")),
            form(""),
            form("--x--\r\n"),
        ),
    },
    (400, "malformed_request"): named(
        post("/train", "[" * 100_000),
        post("/train", '{"a":' * 2000 + "1" + "}" * 2000),
        post("/generate", '{"seed": ' + "9" * 5000 + "}"),
        post("/train", '{"a": "\xff"}'),
        form(FILE, "multipart/form-data"),
        form(FILE, "multipart/form-data; boundary="),
        form(FILE, "multipart/form-data; boundary=" + "x" * 5000),
        form(FILE, "multipart/form-data; boundary=\xff"),
        form(FILE, "multipart/form-data; boundary*=undefined''x"),
        form(FILE, "multipart/form-data; boundary*=punycode''%ff"),
        form("garbage"),
        form("--x\r\n: v\r\n\r\nx\r\n--x--"),
        form("--x\r\n" + "A: b\r\n" * 20_000 + "\r\n--x--"),
        form("--x\r\nA: " + "b" * 200_000 + "\r\n\r\n--x--"),
        form("--x\r\n" + "A" * 200_000 + ": b\r\n\r\n--x--"),
        form(part("Content-Disposition: form-data")),
        form(part("Content-Disposition: form-data; name*=undefined''x; filename=a")),
        form(part("Content-Disposition: form-data; name*=punycode''%ff; filename=a")),
        f"{SIZED}-1\r\n\r\n{{}}",
        f"{SIZED}1e3\r\n\r\n{{}}",
        f"{SIZED}{'9' * 30}\r\n\r\n{{}}",
        f"{SIZED}2\r\nContent-Length: 3\r\n\r\n{{}}",
        f"{SIZED}2, 2\r\n\r\n{{}}",
        f"{CHUNKED}Content-Length: 2\r\n\r\n{{}}",
        f"POST /train HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip\r\n\r\n{{}}",
        f"POST /train HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        f"{CHUNKED}\r\nzz\r\n{{}}\r\n0\r\n\r\n",
        f"{CHUNKED}\r\n{'f' * 18}\r\n{{}}",
        f"POST /datasets HTTP/1.1\r\n{HOST}{FORM}Transfer-Encoding: chunked\r\n\r\n2\r\n--zz\r\n",
        f"GET /jobs HTTP/1.1\r\n{HOST}A\x00B: c\r\n\r\n",
        f"GET /jobs HTTP/1.1\r\n{HOST}A: b\x00c\r\n\r\n",
        f"GET /jobs HTTP/1.1\r\n{HOST}: x\r\n\r\n",
        f"GET /jobs HTTP/1.1\r\n Folded: x\r\n{HOST}\r\n",
        get("/j\x7fobs"),
        "GET /jobs HTTP/9.9\r\n\r\n",
        "FOO /jobs HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ),
    (421, "host_not_allowed"): named(
        *(
            f"{line}\r\n{hosts}\r\n"
            for line in ("GET /jobs HTTP/1.1", "GET /healthz HTTP/1.1", "DELETE /jobs/a HTTP/1.1")
            for hosts in (
                "",
                "Host: evil.example\r\n",
                "Host: evil.example:8765\r\n",
                "Host: 192.0.2.1\r\n",
                "Host: localhost.evil.example\r\n",
                "Host: localhost@evil.example\r\n",
                "Host: localhost evil.example\r\n",
                "Host: 127.0.0.1:x\r\n",
                "Host: [::1\r\n",
                "Host: \xff\r\n",
                "Host: \r\n",
                f"{HOST}Host: evil.example\r\n",
                "X-Forwarded-Host: localhost\r\nHost: evil.example\r\n",
            )
        ),
        "GET /jobs HTTP/1.0\r\n\r\n",
    ),
    (403, "origin_not_allowed"): named(
        *(
            request(method, target, headers)
            for method, target in (
                ("GET", "/jobs"),
                ("GET", "/healthz"),
                ("OPTIONS", "/train"),
                ("DELETE", "/datasets/a"),
                ("POST", "/jobs/a/cancel"),
                ("GET", "/nothing"),
            )
            for headers in (
                "Origin: https://evil.example\r\n",
                "Origin: null\r\n",
                "Origin: \r\n",
                "Origin: http://127.0.0.1:9999\r\n",
                "Origin: http://localhost:8765\r\n",
                "Origin: http://127.0.0.1:8765.evil.example\r\n",
                f"{SAME_ORIGIN}Origin: https://evil.example\r\n",
                "Sec-Fetch-Site: cross-site\r\n",
                "Sec-Fetch-Site: same-site\r\n",
                LINK,
                "Sec-Fetch-Site: \xff\r\n",
            )
        ),
        get(
            "/synthetic-sets/s/report", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"
        ),
        get(
            "/synthetic-sets/s/report",
            LINK.replace("document", "iframe"),
        ),
        post("/datasets", FILE, f"{FORM}Origin: https://evil.example\r\n"),
    ),
    (431, "headers_too_large"): named(
        get("/healthz", f"X-A: {'a' * 70_000}\r\n"),
        get("/healthz", f"X-A: {'a' * 2_000_000}\r\n"),
        get("/healthz", "A: b\r\n" * 40_000),
    ),
    (404, "job_not_found"): named(
        get("/jobs/%ff"),
        get("/jobs/%ed%a0%80"),
        get("/jobs/%F0%9F%98%80"),
        get("/jobs/a%0d%0aX:y"),
        get("/jobs/a", "If-None-Match: " + '"a",' * 3000 + "\r\n"),
        get("/jobs/a", "If-None-Match: \xff\r\n"),
        get("/jobs/a", "Range: bytes=\xff\r\n"),
        get("/jobs/a", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"),
        get(
            "/jobs/a", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        ),
        get("/jobs/a/events", "Last-Event-ID: 1_0\r\n"),
        get("/jobs/a/events", "Accept: text/event-stream; q=\xff\r\n"),
    ),
    (404, "synthetic_set_not_found"): named(
        get("/synthetic-sets/s/report", "Range: bytes=0-99999999999999999999999\r\n"),
        get("/synthetic-sets/s/report", "Range: bytes=" + "1-2," * 5000 + "\r\n"),
        get(
            "/synthetic-sets/s/report",
            LINK,
        ),
    ),
    (404, "not_found"): named(get("//jobs"), get("/%2e%2e/etc"), get("/jobs%00")),
    (405, "method_not_allowed"): named(
        request("TRACE", "/jobs"), request("PROPFIND", "/jobs"), request("CONNECT", "/jobs")
    ),
    (415, "unsupported_media_type"): named(
        post("/datasets", "a=b", "Content-Type: application/x-www-form-urlencoded\r\n"),
        post("/datasets", "{}", "Content-Type: text/plain\r\n"),
        post("/datasets", "{}", "Content-Type: \xff\r\n"),
        post("/datasets", "{}", ""),
    ),
    (200, None): named(
        get("/jobs", SAME_ORIGIN),
        get("/jobs", "Sec-Fetch-Site: same-origin\r\n"),
        get("/jobs", "Sec-Fetch-Site: none\r\n"),
        *(
            f"GET /jobs HTTP/1.1\r\nHost: {host}\r\n\r\n"
            for host in (
                "localhost",
                "LOCALHOST:1",
                "localhost.",
                "127.0.0.1",
                "[::1]:80",
                "desk-7",
            )
        ),
        get("/jobs", "A: " + "b" * 60_000 + "\r\n"),
        get("/openapi.yaml", "Range: bytes=5-1\r\nIf-Range: \xff\r\n"),
        f"\r\n\r\n{get('/jobs')}",
    ),
}
ROWS = [
    pytest.param(raw, answer, id=f"{answer[0]} {name}")
    for answer, requests in ANSWERS.items()
    for name, raw in requests.items()
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("hostile")
    settings = Settings(
        data_dir=folder, log_level="CRITICAL", allowed_hosts=("desk-7",), auth="none"
    )
    records = MemoryStore(SystemClock()).records()
    context = AppContext(
        records,
        LocalArtifacts(folder),
        MemoryQueue(),
        SystemClock(),
        KeyRing(folder),
        "0",
        secret_box=FileSecretBox(folder),
    )
    app = create_app(settings, context)
    server = uvicorn.Server(server_config(app, settings, port=0, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join()


def answers(address: tuple[str, int], sent: bytes) -> list[tuple[int, bytes, bytes]]:
    """Send bytes; return status, head and body of each answer until the connection ends."""
    received = b""
    with socket.create_connection(address, timeout=20) as connection:
        try:
            connection.sendall(sent)
            while piece := connection.recv(65536):
                received += piece
        except (BrokenPipeError, ConnectionResetError):
            pass  # the rest of what was sent is not read
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(lines.get(b"content-length", len(rest)))
        found.append((int(head.split()[1]), head.lower(), rest[:length]))
        received = rest[length:]
    return found


@pytest.mark.parametrize(("raw", "answer"), ROWS)
def test_a_hostile_request_has_its_answer(
    address: tuple[str, int], raw: str, answer: tuple[int, str | None]
) -> None:
    status, code = answer
    next_one = get("/healthz", "Connection: close\r\n")
    (first, head, body), *rest = answers(address, (raw + next_one).encode("latin-1"))
    assert first == status, body
    if code is not None:
        assert f'"code":"{code}"'.encode() in body
        assert b"content-type: application/problem+json" in head
        assert len(body) < 20_000
    assert b"x-content-type-options: nosniff" in head
    assert b"server:" not in head
    if b"connection: close" in head:
        assert rest == []
    else:
        assert [status for status, _, _ in rest] == [200]
