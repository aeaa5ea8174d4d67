"""What downloads are held beside is the same file."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_request_gets_the_whole_file(tmp_path: Path, port: int) -> None:
    file = tmp_path / "set.zip"
    file.write_bytes(bytes(range(256)) * 10_000)
    command = [sys.executable, "-m", "benchmarks.bare_file", str(port), str(file)]
    transport = httpx.HTTPTransport(retries=10)
    with (
        subprocess.Popen(command, cwd=ROOT) as process,
        httpx.Client(transport=transport, timeout=60) as client,
    ):
        try:
            answers = [client.get(f"http://127.0.0.1:{port}") for _ in range(2)]
        finally:
            process.terminate()
    assert [answer.content for answer in answers] == [file.read_bytes()] * 2
