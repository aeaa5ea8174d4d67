from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from synthcxr.client import Client
from synthcxr.errors import DownloadMismatch, NotFound, ServiceUnreachable

CONTENT = bytes(range(256)) * 64
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Dropping(httpx.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self.content
        raise httpx.ReadError("connection lost")


class FileService:
    """Serves CONTENT by range; breaks off after so many bytes while `num_drops` lasts."""

    def __init__(
        self,
        *,
        drop_after: int = 0,
        num_drops: int = 0,
        dies_after: int | None = None,
        content: bytes = CONTENT,
    ) -> None:
        self.drop_after = drop_after
        self.dies_after = dies_after
        self.num_drops = num_drops
        self.content = content
        self.etag = f'"{SHA256}"'
        self.ranges: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.dies_after is not None and len(self.ranges) >= self.dies_after:
            raise httpx.ConnectError("gone")
        asked = request.headers.get("range")
        self.ranges.append(asked)
        start = 0
        if asked and request.headers.get("if-range") == self.etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(self.content):
            return httpx.Response(416)
        headers = {"ETag": self.etag}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        body = self.content[start:]
        status = 206 if start else 200
        if self.num_drops:
            self.num_drops -= 1
            return httpx.Response(status, headers=headers, stream=Dropping(body[: self.drop_after]))
        return httpx.Response(status, headers=headers, content=body)


def client_of(service: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client("http://service", transport=httpx.MockTransport(service), sleep=lambda _: None)


def fetch(service: FileService, destination: Path) -> str:
    return client_of(service).sets.download("syn_1", destination)


def test_a_download_is_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    assert fetch(FileService(), tmp_path / "set.zip") == SHA256
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


def test_a_broken_download_goes_on_where_it_broke(tmp_path: Path) -> None:
    service = FileService(drop_after=5000, num_drops=2)
    fetch(service, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert service.ranges == [None, "bytes=5000-", "bytes=10000-"]


def test_a_later_call_takes_up_what_an_earlier_one_left(tmp_path: Path) -> None:
    dying = FileService(drop_after=3000, num_drops=1, dies_after=1)
    with pytest.raises(ServiceUnreachable):
        fetch(dying, tmp_path / "set.zip")
    assert not (tmp_path / "set.zip").exists()
    service = FileService()
    fetch(service, tmp_path / "set.zip")
    assert service.ranges == ["bytes=3000-"]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_part_of_another_file_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / ".set.zip.part").write_bytes(b"something else")
    (tmp_path / ".set.zip.etag").write_text('"another"')
    fetch(FileService(), tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_part_that_is_complete_already_is_only_checked(tmp_path: Path) -> None:
    (tmp_path / ".set.zip.part").write_bytes(CONTENT)
    (tmp_path / ".set.zip.etag").write_text(f'"{SHA256}"')
    assert fetch(FileService(), tmp_path / "set.zip") == SHA256


def test_wrong_bytes_get_no_name_and_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(DownloadMismatch, match="promised"):
        fetch(FileService(content=CONTENT[:-1] + b"!"), tmp_path / "set.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_download_leaves_an_earlier_file_alone(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"earlier")
    with pytest.raises(DownloadMismatch):
        fetch(FileService(content=b"wrong"), tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == b"earlier"


def test_two_downloads_to_one_destination_do_not_write_into_one_part(tmp_path: Path) -> None:
    """The second begins and ends while the first has come half way."""
    destination = tmp_path / "set.zip"

    class Overtaken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield CONTENT[:5000]
            second = FileService()
            fetch(second, destination)
            assert second.ranges == [None], "it has a part of its own"
            destination.write_bytes(b"of the second")
            yield CONTENT[5000:]

    headers = {"ETag": f'"{SHA256}"'}
    client = client_of(lambda _: httpx.Response(200, headers=headers, stream=Overtaken()))
    assert client.sets.download("syn_1", destination) == SHA256
    assert destination.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [destination]


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        client_of(lambda _: httpx.Response(404)).sets.download("syn_1", tmp_path / "set.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_the_file_is_refused_before_anything_is_sent(tmp_path) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    with pytest.raises(IsADirectoryError):
        client_of(never).sets.download("syn_1", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_bytes_of_an_earlier_run_that_are_others_are_sent_for_once_more(tmp_path: Path) -> None:
    (tmp_path / ".set.zip.part").write_bytes(b"!" * 100)
    (tmp_path / ".set.zip.etag").write_text(f'"{SHA256}"')
    service = FileService()
    fetch(service, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert service.ranges == ["bytes=100-", None]


KILLED = """
import hashlib, os, random, signal, sys
from pathlib import Path
import httpx
from synthcxr import Client

CONTENT = random.Random(1).randbytes(300_000)
ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
destination = Path(sys.argv[1])

class Body(httpx.SyncByteStream):
    def __init__(self, start, dies_after):
        self.start, self.dies_after = start, dies_after
    def __iter__(self):
        place = self.start
        while place < len(CONTENT):
            size = rng.randint(1, 9000)
            if place + size - self.start > self.dies_after:
                os.kill(os.getpid(), signal.SIGKILL)
            yield CONTENT[place : place + size]
            place += size

def answer(request):
    asked = request.headers.get("range")
    start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
    headers = {"ETag": ETAG}
    if asked:
        assert request.headers["if-range"] == ETAG
        headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    body = Body(start, rng.randint(0, 150_000))
    return httpx.Response(206 if asked else 200, headers=headers, stream=body)

client = Client("http://service", transport=httpx.MockTransport(answer), sleep=lambda _: None)
kills = 0
for seed in range(20):
    destination.unlink(missing_ok=True)
    rng = random.Random(seed)
    while True:
        child = os.fork()
        if not child:
            client.sets.download("syn_1", destination)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        rng.random()
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert not destination.exists()
        kills += 1
    assert destination.read_bytes() == CONTENT
    assert sorted(path.name for path in destination.parent.iterdir()) == [destination.name]
assert kills >= 20, kills
print(kills)
"""


def test_20_downloads_that_were_killed_at_random_bytes_end_right(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "set.zip")], check=True)
