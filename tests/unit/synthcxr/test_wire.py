from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from synthcxr.addresses import is_loopback
from synthcxr.client import Client
from synthcxr.client.drivers import Driver
from synthcxr.client.wire import Call, Wire, create, send
from synthcxr.errors import ProblemError, ServiceUnreachable

Handler = Callable[[httpx.Request], httpx.Response]


class Service:
    """Answers with the given steps in turn: a response, or an error to raise."""

    def __init__(self, *steps: httpx.Response | type[httpx.TransportError]) -> None:
        self.steps = list(steps)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        step = self.steps.pop(0)
        if isinstance(step, httpx.Response):
            return step
        raise step("broken")


def ask(service: Handler, call: Call, pauses: list[float] | None = None) -> httpx.Response:
    http = httpx.Client(base_url="http://service", transport=httpx.MockTransport(service))
    driver = Driver(http, sleep=(pauses if pauses is not None else []).append)
    return driver.run(send(Wire(http, "http://service"), call))


KEYED = {"Idempotency-Key": "key"}
GET = Call("GET", "/x")
POST = Call("POST", "/x")


def test_a_request_that_never_arrived_is_sent_again() -> None:
    service = Service(httpx.ConnectError, httpx.Response(200, json={}))
    assert ask(service, POST).status_code == 200
    assert len(service.requests) == 2


def test_a_lost_answer_to_a_creating_post_is_asked_for_again_under_the_same_key() -> None:
    service = Service(httpx.ReadError, httpx.Response(202, json={}))
    ask(service, create("train", json={"family": "ldm"}))
    first, second = service.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.content == second.content


def test_two_creating_posts_have_different_keys() -> None:
    service = Service(httpx.Response(202), httpx.Response(202))
    ask(service, create("train"))
    ask(service, create("train"))
    first, second = service.requests
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


def test_a_post_without_a_key_is_not_sent_twice_when_its_answer_is_lost() -> None:
    service = Service(httpx.ReadError)
    with pytest.raises(ServiceUnreachable):
        ask(service, POST)
    assert len(service.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_given_the_time_it_asks_for(status: int) -> None:
    pauses: list[float] = []
    service = Service(
        httpx.Response(status, headers={"Retry-After": "7"}), httpx.Response(200, json={})
    )
    ask(service, GET, pauses)
    assert pauses == [7.0]


def test_a_service_that_asks_for_an_hour_gets_half_a_minute() -> None:
    pauses: list[float] = []
    service = Service(httpx.Response(503, headers={"Retry-After": "3600"}), httpx.Response(200))
    ask(service, GET, pauses)
    assert pauses == [30.0]


def test_pauses_grow_until_we_give_up() -> None:
    pauses: list[float] = []
    service = Service(*[httpx.ConnectError] * 4)
    with pytest.raises(ServiceUnreachable, match="http://service"):
        ask(service, GET, pauses)
    assert pauses == [0.2, 0.4, 0.8]


def test_a_service_that_stays_busy_is_reported_as_what_it_said() -> None:
    service = Service(*[httpx.Response(503, json={"code": "busy", "detail": "Later."})] * 4)
    with pytest.raises(ProblemError) as caught:
        ask(service, GET)
    assert caught.value.code == "busy"
    assert caught.value.retryable


def test_an_upload_is_sent_whole_on_every_attempt(tmp_path) -> None:
    path = tmp_path / "images.zip"
    path.write_bytes(b"PK" * 1000)
    service = Service(httpx.ConnectError, httpx.Response(202, json={}))
    with path.open("rb") as file:
        ask(service, Call("POST", "/datasets", form={}, files={"file": file}, headers=KEYED))
    assert all(b"PK" * 1000 in request.content for request in service.requests)


def test_a_problem_keeps_its_code_its_fields_and_its_request_id() -> None:
    problem = {
        "code": "invalid_request",
        "detail": "The request is not valid.",
        "retryable": False,
        "request_id": "req_1",
        "errors": [{"pointer": "/seed", "detail": "must be an integer"}],
    }
    with pytest.raises(ProblemError) as caught:
        ask(Service(httpx.Response(422, json=problem)), GET)
    error = caught.value
    assert (error.code, error.status, error.request_id) == ("invalid_request", 422, "req_1")
    assert error.fields[0]["pointer"] == "/seed"
    assert str(error) == ("The request is not valid [invalid_request]. /seed: must be an integer")


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[]", b""])
def test_a_proxys_plain_refusal_is_a_problem_too(body: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        ask(Service(httpx.Response(502, content=body)), GET)
    assert caught.value.code == "http_502"


@pytest.mark.parametrize("url", ["service", "ftp://service", "http://["])
def test_an_address_that_is_none_counts_as_unreachable(url: str) -> None:
    with pytest.raises(ServiceUnreachable), Client(url, sleep=lambda _: None) as client:
        client.version()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST", "[::1]"])
def test_a_loopback_address_means_this_machine(host: str) -> None:
    assert is_loopback(f"http://{host}:8765")


@pytest.mark.parametrize("host", ["10.0.0.1", "service", "localhost.example.org", "[2001:db8::1]"])
def test_any_other_address_means_another(host: str) -> None:
    assert not is_loopback(f"http://{host}:8765")


class Greeter(BaseHTTPRequestHandler):
    """Answers with the target of the request: a path, or a whole address where it is a proxy."""

    def do_GET(self) -> None:
        body = json.dumps({"version": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def greeter() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Greeter) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


@pytest.mark.usefixtures("no_proxies")
def test_a_service_on_this_machine_is_not_asked_through_a_proxy(greeter, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Client(greeter) as client:
        assert client.version().version == "/version"


@pytest.mark.usefixtures("no_proxies")
def test_a_service_elsewhere_is_asked_through_the_proxy_of_the_environment(
    greeter, monkeypatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", greeter)
    with Client("http://service") as client:
        assert client.version().version == "http://service/version"
