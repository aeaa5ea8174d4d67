import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

FORBIDDEN = {"torch", "numpy", "PIL", "radiographs", "workers", "synthcxr"}
OF_RELEASE = {"release", "release.gate", "release.gate.verdict"}


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
            # Two seconds where nothing else runs; tests share the cores with other tests.
            assert time.monotonic() - started < 10
            assert answer.json() == {"status": "ok"}
            ready = httpx.get(f"http://127.0.0.1:{port}/readyz")
            assert (ready.status_code, ready.json()["code"]) == (503, "records_unavailable")
        finally:
            process.terminate()


def answered(url: str) -> httpx.Response:
    for _ in range(1000):
        try:
            return httpx.get(url)
        except httpx.ConnectError:
            time.sleep(0.02)
    raise TimeoutError(url)
