"""A token is found with nothing typed, and sent to nobody but its own service."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from synthcxr.addresses import is_same_service
from synthcxr.client import Client
from synthcxr.errors import BadToken, ProblemError, ServiceUnreachable
from synthcxr.tokens import announce, token_for, withdraw

URL = "http://127.0.0.1:8765"
OTHER_URL = "http://127.0.0.1:8766"
KEY = "synthcxr_" + "a" * 59
OTHER_KEY = "synthcxr_" + "b" * 59


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("SYNTHCXR_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


@pytest.fixture
def data_dir(home: Path) -> Path:
    """A service's data directory; it is announced at URL."""
    folder = home / "synthcxr-data"
    folder.mkdir()
    write(folder / "token", KEY)
    announce(URL, folder)
    return folder


def write(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(f"{text}\n")


def test_it_is_found_from_any_folder(data_dir: Path) -> None:
    assert token_for(URL) == KEY
    assert token_for(f"{URL}/") == KEY


def test_it_is_found_beside_the_data_directory_by_who_has_no_home(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    assert token_for(URL) is None
    monkeypatch.chdir(data_dir.parent)
    assert token_for(URL) == KEY
    announce(URL, data_dir)  # no home is no failure
    monkeypatch.chdir("/")
    monkeypatch.setenv("SYNTHCXR_DATA_DIR", str(data_dir))
    assert token_for(URL) == KEY


@pytest.mark.parametrize(
    "url",
    [
        OTHER_URL,
        "https://127.0.0.1:8765",
        "http://localhost:8765",
        "http://evil.example:8765",
        "x",
        "http://[",
    ],
)
def test_another_address_gets_none_of_it(
    data_dir: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data_dir.parent)
    assert token_for(url) is None


def test_after_the_service_stopped_its_address_gets_nothing(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdraw(URL, data_dir)
    withdraw(URL, data_dir)
    monkeypatch.chdir(data_dir.parent)
    assert token_for(URL) is None


def test_two_services_have_a_token_each(data_dir: Path, home: Path) -> None:
    other = home / "other"
    other.mkdir()
    write(other / "token", OTHER_KEY)
    announce(OTHER_URL, other)
    assert (token_for(URL), token_for(OTHER_URL)) == (KEY, OTHER_KEY)


def test_a_variable_comes_first_and_a_file_second(
    data_dir: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / "file", OTHER_KEY)
    monkeypatch.setenv("SYNTHCXR_TOKEN_FILE", str(home / "file"))
    assert token_for(URL) == OTHER_KEY
    monkeypatch.setenv("SYNTHCXR_TOKEN", "eyJ.token.x")
    assert token_for(URL) == "eyJ.token.x"


def test_the_variables_belong_to_the_service_that_the_url_variable_names(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHCXR_TOKEN", OTHER_KEY)
    assert token_for("https://cxr.example.org") is None
    monkeypatch.setenv("SYNTHCXR_URL", "https://cxr.example.org")
    assert token_for("https://cxr.example.org/") == OTHER_KEY
    assert token_for("https://cxr.example.org:443") == OTHER_KEY
    assert token_for("http://cxr.example.org") is None
    assert token_for(URL) == KEY


@pytest.mark.parametrize("text", ["two tokens", "a\nb", "\x00", "é"])
def test_a_variable_that_holds_no_token_is_named(
    text: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / "file", text)
    monkeypatch.setenv("SYNTHCXR_TOKEN_FILE", str(home / "file"))
    with pytest.raises(BadToken, match="SYNTHCXR_TOKEN") as caught:
        token_for(URL)
    assert text not in str(caught.value)


@pytest.mark.parametrize("name", ["token", "url"])
@pytest.mark.parametrize("mode", [0o644, 0o620, 0o604])
def test_a_file_that_others_can_read_or_write_is_not_trusted(
    data_dir: Path, name: str, mode: int
) -> None:
    (data_dir / name).chmod(mode)
    assert token_for(URL) is None


def test_a_prepared_folder_cannot_send_another_file_of_the_user(
    home: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Working in a folder that somebody else prepared sends them nothing."""
    write(home / "secret", "-----BEGIN OPENSSH PRIVATE KEY-----")
    write(home / "key-of-another-service", OTHER_KEY)
    for target in ("secret", "key-of-another-service"):
        trap = home / target.upper() / "synthcxr-data"
        trap.mkdir(parents=True)
        (trap / "token").symlink_to(home / target)
        write(trap / "url", "http://127.0.0.1:6666")
        monkeypatch.chdir(trap.parent)
        assert token_for("http://127.0.0.1:6666") is None
    (trap / "token").unlink()
    write(trap / "token", "-----BEGIN OPENSSH PRIVATE KEY-----")
    assert token_for("http://127.0.0.1:6666") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_another_user_is_not_trusted(data_dir: Path) -> None:
    os.chown(data_dir / "token", 12345, 12345)
    assert token_for(URL) is None


def test_a_pipe_in_place_of_a_file_does_not_block(data_dir: Path) -> None:
    (data_dir / "token").unlink()
    os.mkfifo(data_dir / "token", 0o600)
    assert token_for(URL) is None


def test_announcements_are_for_their_user_alone(data_dir: Path, home: Path) -> None:
    found = [home / "state" / "synthcxr" / "services", data_dir / "url"]
    found += list(found[0].iterdir())
    assert [path.stat().st_mode & 0o077 for path in found] == [0, 0, 0]


def test_the_same_address_is_known_in_other_spellings() -> None:
    assert is_same_service("https://A.example", "https://a.example:443/")
    assert not is_same_service("http://a.example", "https://a.example")


def listening(url: str, token: str | None = None) -> tuple[Client, list[httpx.Request]]:
    """Return a client, and the requests that it will have sent."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"version": "1"})

    return Client(url, token=token, transport=httpx.MockTransport(answer)), requests


def test_a_client_shows_what_it_was_given_or_what_it_finds(data_dir: Path) -> None:
    for given, key in ((None, KEY), (OTHER_KEY, OTHER_KEY)):
        client, requests = listening(URL, given)
        client.version()
        assert requests[0].headers["authorization"] == f"Bearer {key}"
    client, requests = listening(OTHER_URL)
    client.version()
    assert "authorization" not in requests[0].headers


def test_a_client_takes_up_a_token_that_was_made_anew(data_dir: Path) -> None:
    client, requests = listening(URL)
    client.version()
    write(data_dir / "token", OTHER_KEY)
    client.version()
    assert [request.headers["authorization"] for request in requests] == [
        f"Bearer {KEY}",
        f"Bearer {OTHER_KEY}",
    ]


def test_a_redirect_to_another_host_is_not_followed() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(307, headers={"Location": "http://evil.example/version"})

    client = Client("http://service", token=KEY, transport=httpx.MockTransport(answer))
    with pytest.raises(ServiceUnreachable):
        client.version()
    assert seen == ["service"]


def test_an_identifier_cannot_lead_a_token_elsewhere() -> None:
    for identifier in ("http://evil.example/jobs", "//evil.example", "../keys", "a/b?c#d"):
        client, requests = listening("http://service", KEY)
        with pytest.raises(ServiceUnreachable):  # what answers is no job
            client.jobs.get(identifier)
        assert requests[0].url.host == "service"
        assert requests[0].url.raw_path.startswith(b"/jobs/")
        assert requests[0].url.raw_path.count(b"/") == 2


def test_a_refusal_without_a_token_says_how_one_is_given() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"code": "unauthenticated", "detail": "This needs a key."})

    for token, hinted in ((None, True), (KEY, False)):
        client = Client("http://service", token=token, transport=httpx.MockTransport(answer))
        with pytest.raises(ProblemError) as caught:
            client.version()
        assert ("SYNTHCXR_TOKEN" in str(caught.value)) == hinted
        assert KEY not in str(caught.value)
