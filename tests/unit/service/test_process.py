import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.api_keys import digest_of

FORBIDDEN = {"torch", "numpy", "PIL", "radiographs", "workers", "synthcxr"}
# the standard library alone
OF_RELEASE = {
    *("release", "release.gate", "release.gate.verdict"),
    *("release.report", "release.report.record"),
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The settings of a service of its own."""
    return {**os.environ, "SYNTHCXR_DATA_DIR": str(tmp_path)}


def test_the_api_process_imports_neither_torch_nor_workers(environment: dict[str, str]) -> None:
    program = (
        "import json, sys; from models import registry; from service.app import create_app;"
        "create_app().state.openapi_yaml();"
        "[registry.config_class(family) for family in registry.FAMILIES];"
        "print(json.dumps(list(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, env=environment
    ).stdout
    modules = set(json.loads(printed))
    assert FORBIDDEN & modules == set()
    assert {name for name in modules if name.partition(".")[0] == "release"} <= OF_RELEASE


def test_the_api_answers_two_seconds_after_its_start(environment: dict[str, str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "service", "api", "--port", str(port)]
    started = time.monotonic()
    with subprocess.Popen(command, env=environment) as process:
        try:
            answer = answered(f"http://127.0.0.1:{port}/healthz")
            took = time.monotonic() - started - queued_seconds(process.pid)
            # Two seconds where nothing else runs; tests share the cores with other tests.
            assert took < 10
            assert answer.json() == {"status": "ok"}
            ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60)
            assert (ready.status_code, ready.json()["code"]) == (503, "records_not_migrated")
        finally:
            process.terminate()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "images.example"])  # noqa: S104
def test_without_keys_the_api_listens_on_no_network(environment: dict[str, str], host: str) -> None:
    started = subprocess.run(
        [sys.executable, "-m", "service", "api", "--host", host, "--port", "1"],
        capture_output=True,
        text=True,
        env=environment | {"SYNTHCXR_AUTH": "none"},
        timeout=60,
        check=False,
    )
    assert started.returncode == 1
    assert "leave SYNTHCXR_AUTH out" in started.stderr
    assert len(started.stderr.splitlines()) == 1


def test_the_first_key_is_made_past_the_api(environment: dict[str, str], tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "service", *arguments]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment
        ).stdout

    run("migrate")
    secret = run("create-key", "--tenant", "radiology", "--scope", "admin", "--scope", "train")
    records = sql_records(open_engine(f"sqlite:///{tmp_path / 'synthcxr.db'}"), SystemClock())
    [key] = records.api_keys.keys("radiology").items
    assert key.refusal(digest_of(secret.strip()), SystemClock().now()) is None
    assert key.scopes == ("train", "admin")
    run("keep-token")
    token = (tmp_path / "token").read_text()
    run("keep-token")
    assert (tmp_path / "token").read_text() == token
    records.database.close()


def queued_seconds(pid: int) -> float:
    """How long a process stood ready and other processes had the cores, where Linux counts it."""
    counted = Path(f"/proc/{pid}/schedstat")
    return int(counted.read_text().split()[1]) / 1e9 if counted.exists() else 0.0


def answered(url: str) -> httpx.Response:
    for _ in range(1000):
        try:
            return httpx.get(url)
        except httpx.ConnectError:
            time.sleep(0.02)
    raise TimeoutError(url)
