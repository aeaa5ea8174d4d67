"""Clients that others generate from openapi.yaml drive the service; linters find no fault in it.

`make generated-clients` installs the generators and linters, each at one version, and runs this.
Redocly's is fetched here where npx and a network are: it is small.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from service.adapters.clock import SystemClock
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.secret_box import FileSecretBox
from service.adapters.signing_keys import KeyRing
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_records import sql_records
from service.app import create_app
from service.context import AppContext
from service.domain.caller import SCOPES, Caller
from service.key_management import KeyManager
from service.settings import Settings
from tests.contract.running_server import running
from tests.instant_worker import IMAGE, InstantWorker

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "generated_clients"
INSTALLED = ROOT / ".venv-clients"
NODE = INSTALLED / "node_modules" / ".bin"
REDOCLY = "@redocly/cli@2.77.0"
FETCH_SECONDS = 15
BY_MAKE = "`make generated-clients` installs it"


class Service(NamedTuple):
    url: str
    key: str


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    engine = open_engine(f"sqlite:///{tmp_path / 'synthcxr.db'}")
    migrate(engine)
    clock, artifacts = SystemClock(), LocalArtifacts(tmp_path)
    records = sql_records(engine, clock)
    worker = InstantWorker(records=records, artifacts=artifacts, clock=clock)
    context = AppContext(
        records,
        artifacts,
        worker,
        clock,
        KeyRing(tmp_path),
        "0",
        secret_box=FileSecretBox(tmp_path),
    )
    maker = Caller("test", "default", frozenset(SCOPES))
    key = KeyManager(records.api_keys, clock, maker).create("of all", SCOPES).secret
    settings = Settings(data_dir=tmp_path, log_level="CRITICAL")
    with running(create_app(settings, context)) as url:
        yield Service(url, key)
    engine.dispose()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("normal/1.png", b"pixels")
    return path


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Run a program to its end; what it prints is in the failure."""
    answer = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout
    return answer.stdout


def held(archive: Path) -> list[str]:
    """Return the names of the files in a ZIP."""
    with zipfile.ZipFile(archive) as file:
        return file.namelist()


def test_a_client_by_openapi_python_client_drives_the_service(
    service: Service, archive: Path, tmp_path: Path
) -> None:
    generator = INSTALLED / "bin" / "openapi-python-client"
    if not generator.exists():
        pytest.skip(f"needs openapi-python-client: {BY_MAKE}")
    package = tmp_path / "generated" / "synthcxr_api"
    options = ("--meta", "none", "--config", HERE / "generator.yaml", "--output-path", package)
    printed = run(generator, "generate", "--path", ROOT / "openapi.yaml", *options, folder=tmp_path)
    assert "Unable to parse" not in printed
    destination = tmp_path / "set.zip"
    python = INSTALLED / "bin" / "python"
    arguments = (*service, archive, destination)
    run(python, HERE / "drive.py", *arguments, folder=tmp_path, PYTHONPATH=str(package.parent))
    assert held(destination) == [IMAGE]


def test_a_client_by_openapi_typescript_drives_the_service(
    service: Service, archive: Path, tmp_path: Path
) -> None:
    if not (NODE / "openapi-typescript").exists() or not shutil.which("node"):
        pytest.skip(f"needs node and openapi-typescript: {BY_MAKE}")
    (tmp_path / "node_modules").symlink_to(INSTALLED / "node_modules")
    for name in ("package.json", "drive.ts"):
        shutil.copy(HERE / name, tmp_path)
    schema = ROOT / "openapi.yaml"
    run(NODE / "openapi-typescript", schema, "--output", "api.ts", folder=tmp_path)
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck")
    run(NODE / "tsc", *options, "drive.ts", folder=tmp_path)
    destination = tmp_path / "set.zip"
    run("node", "drive.js", *service, archive, destination, folder=tmp_path)
    assert held(destination) == [IMAGE]


def fetched(package: str) -> list[str]:
    """Return the command that runs a package of npm, fetched if need be; skips without it."""
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("needs npx")
    command = [npx, "--yes", "--prefer-offline", package]
    probe = subprocess.Popen(
        [*command, "--version"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = probe.wait(FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(probe.pid, signal.SIGKILL)
        code = probe.wait()
    if code:
        pytest.skip(f"needs {package}, which npx cannot fetch here")
    return command


def test_redocly_finds_no_fault(tmp_path: Path) -> None:
    installed = NODE / "redocly"
    command = [str(installed)] if installed.exists() else fetched(REDOCLY)
    silent = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    printed = run(*command, "lint", ROOT / "openapi.yaml", folder=tmp_path, **silent)
    assert "is valid" in printed
    assert not re.search(r"You have \d+ warning", printed), printed


def test_spectral_finds_no_fault(tmp_path: Path) -> None:
    if not (NODE / "spectral").exists():
        pytest.skip(f"needs @stoplight/spectral-cli: {BY_MAKE}")
    (tmp_path / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n')
    command = (NODE / "spectral", "lint", "--fail-severity", "hint", ROOT / "openapi.yaml")
    run(*command, folder=tmp_path)
