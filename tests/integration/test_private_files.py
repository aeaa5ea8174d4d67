"""Whatever the umask of who starts it, what the service writes is for its own user alone."""

import os
import socket
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.adapters.local_artifacts import LocalArtifacts
from service.private_directory import NO_PERMISSION, NotPrivate, open_private

PARTS = [
    ("service", "migrate"),
    ("service", "api"),
    ("service", "rotate-keys"),
    ("service", "audit"),
    ("workers", "worker"),
    ("workers", "scheduler"),
]


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def environment(data_dir: Path) -> dict[str, str]:
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("SYNTHCXR_")}
    return {**inherited, "SYNTHCXR_DATA_DIR": str(data_dir), "SYNTHCXR_AUTH": "none"}


def open_to_others(folder: Path) -> dict[str, str]:
    """List what others may do something with."""
    found = [folder, *folder.rglob("*")]
    modes = {str(path): stat.S_IMODE(path.lstat().st_mode) for path in found}
    return {name: oct(mode) for name, mode in modes.items() if mode & 0o077}


def run(data_dir: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *command],
        env=environment(data_dir),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@contextmanager
def running_api(data_dir: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "service", "api", "--port", str(port)]
    with subprocess.Popen(command, env=environment(data_dir)) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 240
            while True:
                try:
                    httpx.get(f"{url}/healthz", trust_env=False)
                    break
                except httpx.TransportError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield url
        finally:
            process.kill()


def test_the_api_s_files_are_private_and_a_killed_one_s_parts_go_at_the_next_start(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    archive = tmp_path / "images.zip"
    with zipfile.ZipFile(archive, "w") as images:
        images.writestr("normal/1.png", os.urandom(1000))
    assert run(data_dir, "service", "migrate").returncode == 0
    with running_api(data_dir) as url:
        with archive.open("rb") as file:
            answer = httpx.post(f"{url}/datasets", files={"file": file}, timeout=240)
        assert answer.status_code == 202
        assert httpx.get(f"{url}/signing-keys", timeout=240).status_code == 200
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as stalled:
            stalled.sendall(
                b"POST /datasets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
                b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
                b"PK\x03\x04" + b"PATIENT" * 100
            )
            deadline = time.monotonic() + 240
            while not list((data_dir / "uploads").glob("*.part")):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert open_to_others(data_dir) == {}
            LocalArtifacts(data_dir).discard_abandoned_uploads()
            assert list((data_dir / "uploads").glob("*.part")), "it was still being received"
            os.kill(_pid_of(data_dir), 9)
    assert list((data_dir / "uploads").glob("*.part"))
    with running_api(data_dir):
        assert not list((data_dir / "uploads").glob("*.part"))
        assert len(list((data_dir / "uploads").glob("*.zip"))) == 1


def _pid_of(data_dir: Path) -> int:
    """Find the API that works in a data directory."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            variables = (process / "environ").read_bytes()
        except OSError:
            continue
        if b"service\0api" in command and f"SYNTHCXR_DATA_DIR={data_dir}\0".encode() in variables:
            return int(process.name)
    raise AssertionError


@pytest.mark.parametrize("part", PARTS, ids=" ".join)
def test_every_part_refuses_a_directory_that_others_can_read_in_one_line(
    tmp_path: Path, part: tuple[str, str]
) -> None:
    data_dir = tmp_path / "da ta"
    data_dir.mkdir(mode=0o750)
    ended = run(data_dir, *part)
    assert ended.returncode == NO_PERMISSION
    [line] = ended.stderr.splitlines()
    assert f"chmod -R go-rwx '{data_dir}'" in line
    assert list(data_dir.iterdir()) == []
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o750  # nobody's choice is silently changed


def test_the_supervisor_refuses_it_in_the_same_words(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ended = run(tmp_path, "synthcxr", "up", "--data-dir", str(data_dir), "--port", str(port))
    assert ended.returncode == 1
    assert f"chmod -R go-rwx {data_dir}" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_directory_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(NotPrivate, match="chown -R"):
        open_private(tmp_path)


def test_a_directory_is_made_private_and_accepted_again(tmp_path: Path) -> None:
    for _ in range(2):
        open_private(tmp_path / "a" / "b")
        (tmp_path / "a" / "b" / "file").touch()
        assert open_to_others(tmp_path / "a") == {}
