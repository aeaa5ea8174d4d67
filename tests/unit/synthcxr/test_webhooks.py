"""Who receives a message checks it; the command line makes webhooks and lists deliveries."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from http.server import HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from synthcxr import Client, WebhookNotVerified
from synthcxr.cli import main
from synthcxr.webhooks import verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"k" * 32).decode()
NOW = 1614265330
BODY = json.dumps(
    {"type": "job.failed", "timestamp": "2021-02-25T15:02:10.000000Z", "data": {"job_id": "job_1"}}
).encode()
Serve = Callable[..., list[httpx.Request]]


def signed(body: bytes = BODY, secret: str = SECRET, timestamp: str = str(NOW)) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, b"msg_1." + timestamp.encode() + b"." + body, "sha256")
    return {
        "Webhook-Id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return int(exit_.value.code or 0)


def test_a_message_that_was_signed_just_now_is_returned() -> None:
    message = verify(signed(), BODY, SECRET, now=NOW + 299)
    assert (message.id, message.type, message.data) == ("msg_1", "job.failed", {"job_id": "job_1"})
    assert message.timestamp.utcoffset() is not None


def test_the_example_of_the_specification_is_signed_and_no_message_of_ours() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    with pytest.raises(WebhookNotVerified, match="no message"):
        verify(headers, '{"test": 2432232314}', SECRET, now=NOW)
    with pytest.raises(WebhookNotVerified, match="fits"):
        verify(headers, '{"test": 2432232315}', SECRET, now=NOW)


@pytest.mark.parametrize("secret", [[OTHER, SECRET], (SECRET, OTHER)])
def test_one_of_several_secrets_has_to_fit(secret: list[str]) -> None:
    assert verify(signed(), BODY, secret, now=NOW).id == "msg_1"


def test_one_of_several_signatures_has_to_fit() -> None:
    headers = signed()
    ours = headers["webhook-signature"]
    headers["webhook-signature"] = f"v1a,AAAA v1,!! v1,ä {ours}"
    assert verify(headers, BODY, SECRET, now=NOW).id == "msg_1"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (signed(), BODY + b" "),
        (signed(secret=OTHER), BODY),
        (signed() | {"Webhook-Id": "msg_2"}, BODY),
        (signed() | {"webhook-timestamp": str(NOW + 1)}, BODY),
        (signed() | {"webhook-signature": ""}, BODY),
        (signed() | {"webhook-signature": "v1,"}, BODY),
        (signed() | {"webhook-signature": signed()["webhook-signature"].replace("v1", "v2")}, BODY),
        (signed(timestamp=str(NOW - 301)), BODY),
        (signed(timestamp=str(NOW + 301)), BODY),
        (signed(timestamp="-1"), BODY),
        (signed(timestamp="9" * 5000), BODY),
        ({"webhook-id": "msg_1"}, BODY),
    ],
)
def test_anything_else_is_not_verified(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookNotVerified):
        verify(headers, body, SECRET, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", SECRET[:-4], "whsec_!", "ä" * 40])
def test_a_secret_that_anybody_could_guess_is_refused(secret: str) -> None:
    headers = signed(secret=secret) if secret.isascii() and "!" not in secret else signed()
    with pytest.raises(ValueError, match="as the service showed it"):
        verify(headers, BODY, secret, now=NOW)
    with pytest.raises(ValueError, match="as the service showed it"):
        verify(headers, BODY, [SECRET, secret], now=NOW)


def test_no_secret_verifies_nothing() -> None:
    with pytest.raises(WebhookNotVerified):
        verify(signed(), BODY, [], now=NOW)


def test_what_cannot_be_encoded_is_not_verified() -> None:
    with pytest.raises(WebhookNotVerified):
        verify(signed() | {"Webhook-Id": "msg_\ud800"}, BODY, SECRET, now=NOW)
    with pytest.raises(WebhookNotVerified):
        verify(signed(), "\ud800", SECRET, now=NOW)


def test_the_receiver_of_the_documentation_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
    code = page.partition("```python\n")[2].partition("HTTPServer((")[0]
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102 - our own
    monkeypatch.chdir(tmp_path)
    Path("webhook.secret").write_text(f"{SECRET}\n")
    now = str(int(time.time()))
    with HTTPServer(("127.0.0.1", 0), found["Receiver"]) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        good = httpx.post(url, content=BODY, headers=signed(timestamp=now))
        bad = httpx.post(url, content=BODY, headers=signed(timestamp=now, secret=OTHER))
        server.shutdown()
        thread.join()
    assert (good.status_code, bad.status_code) == (204, 401)


MADE = {"id": "wh_1", "url": "https://a.example.org/", "events": ["set.released"]}
DELIVERY = {"id": "msg_1", "webhook_id": "wh_1", "type": "webhook.ping", "state": "pending"}


def test_the_command_line_makes_a_webhook_and_prints_its_secret_alone(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = serve(lambda _: httpx.Response(201, json=MADE | {"secret": SECRET}))
    assert run("webhooks", "create", MADE["url"], "--event", "set.released") == 0
    assert json.loads(requests[0].content) == {"url": MADE["url"], "events": ["set.released"]}
    assert capsys.readouterr().out == f"{SECRET}\n"


def test_the_command_line_lists_what_became_of_messages(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(lambda _: httpx.Response(200, json={"items": [DELIVERY], "next_cursor": None}))
    assert run("webhooks", "deliveries", "wh_1") == 0
    assert "pending" in capsys.readouterr().out
    assert run("webhooks", "deliveries", "wh_1", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == "msg_1"


@pytest.mark.parametrize(
    ("arguments", "method", "path"),
    [
        (("test", "wh_1"), "POST", "/webhooks/wh_1/test"),
        (("resend", "wh_1", "msg_1"), "POST", "/webhooks/wh_1/deliveries/msg_1/resend"),
        (("delete", "wh_1"), "DELETE", "/webhooks/wh_1"),
        (("enable", "wh_1", "--json"), "POST", "/webhooks/wh_1/enable"),
    ],
)
def test_each_command_asks_its_operation(
    serve: Serve, arguments: tuple[str, ...], method: str, path: str
) -> None:
    requests = serve(lambda _: httpx.Response(202, json=MADE | DELIVERY))
    assert run("webhooks", *arguments) == 0
    assert (requests[0].method, requests[0].url.path) == (method, path)


def test_a_webhook_is_enabled_and_its_id_printed_alone(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(lambda _: httpx.Response(200, json=MADE))
    assert run("webhooks", "enable", "wh_1") == 0
    printed = capsys.readouterr()
    assert printed.out == "wh_1\n"
    assert MADE["url"] in printed.err


def test_a_secret_is_not_shown_in_the_text_of_a_webhook(serve: Serve) -> None:
    serve(lambda _: httpx.Response(200, json=MADE | {"secret": SECRET}))
    with Client() as client:
        issued = client.webhooks.rotate("wh_1")
    assert issued.secret == SECRET
    assert SECRET not in repr(issued)
