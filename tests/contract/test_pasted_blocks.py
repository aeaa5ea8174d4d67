"""The blocks of how-to pages, run as they stand but for addresses and places of the test's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from service.domain.job import JobKind
from service.settings import Settings
from service.validation.dicomweb import DicomwebBody
from tests.unit.synthcxr.conftest import KEY_ID, PUBLIC_PEM, MakeSet, make_set  # noqa: F401
from tests.unit.synthcxr.small_service import SmallService

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
START_SECONDS = 30
HOST = "synthcxr.hospital.example"


def blocks(page: str, language: str, folder: Path = ROOT / "docs" / "how-to") -> list[str]:
    text = (folder / page).read_text()
    return [
        found[3].replace(f"\n{found[1]}", "\n").removeprefix(found[1])
        for found in BLOCK.finditer(text)
        if found[2] == language
    ]


@dataclass
class Shell:
    """A shell in an empty folder, in which `synthcxr` and `python` are ours."""

    folder: Path
    variables: dict[str, str]

    def run(self, block: str, **variables: str) -> str:
        """Run a block to its end, or to its first command that fails; gives what it printed."""
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", block],  # noqa: S607
            env=self.variables | variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder, programs = tmp_path / "shell", tmp_path / "programs"
    folder.mkdir()
    programs.mkdir()
    for name, module in {"synthcxr": "-m synthcxr", "python": ""}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        (programs / name).chmod(0o755)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SYNTHCXR_")}
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    ours = {"PATH": path, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    return Shell(folder, inherited | ours)


@pytest.fixture
def service(make_set: MakeSet) -> Iterator[SmallService]:  # noqa: F811
    service = ServiceWithKeys(make_set().read_bytes())
    with service.running():
        yield service


@dataclass
class ServiceWithKeys(SmallService):
    """Shows the public key of its set, and makes keys."""

    @override
    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        if path == "/signing-keys":
            return 200, {"items": [{"id": KEY_ID, "pem": PUBLIC_PEM.decode(), "current": True}]}
        if path == "/keys":
            return 201, {"id": "key_1", "name": "CI", "secret": "synthcxr_x"}
        if path == "/jobs":
            return 200, {"items": [super().answer("/jobs/job_1")[1]], "next_cursor": None}
        if path == "/train":
            made = {"kind": "train", "result": {"model_id": "mdl_1"}}
            return 202, super().answer(path)[1] | made
        return super().answer(path)


@pytest.mark.parametrize("page", ["README.md", "docs/client.md"])
def test_the_python_that_orders_a_set_is_run(
    shell: Shell, service: SmallService, page: str
) -> None:
    program = blocks(page, "python", ROOT)[0]
    (shell.folder / "program.py").write_text(program.replace("http://127.0.0.1:8765", service.url))
    assert shell.run("python program.py").strip() == "passed"
    assert (shell.folder / "set.zip").read_bytes() == service.content
    assert service.bodies[1]["model_id"] == "mdl_1"


def test_a_set_is_fetched_for_ci(shell: Shell, service: SmallService) -> None:
    key, spec, step = blocks("ci.md", "sh")
    spec = spec.replace("mdl_...", "mdl_1").replace(
        "{normal: 32, cardiomegaly: 32, effusion: 32}", "{COVID: 3, Normal: 3}"
    )
    [program] = blocks("ci.md", "python")
    address = {"SYNTHCXR_URL": service.url, "SYNTHCXR_TOKEN": "synthcxr_x"}
    assert "synthcxr_x" in shell.run(key, **address)
    shell.run(spec, **address)
    step = step.replace("http://127.0.0.1:8765", service.url)
    assert shell.run(step, **address).strip().endswith("data/set.zip")
    assert (shell.folder / "data/set.zip").read_bytes() == service.content
    asked = len(service.asked)
    shell.run(step, **address)
    assert len(service.asked) == asked, "a second run asks no service"
    (shell.folder / "program.py").write_text(program)
    assert shell.run("python program.py").startswith("(6, ")


@pytest.fixture
def certificate(shell: Shell) -> None:
    """Make the authority and the certificate of the page; what needs root is left out."""
    block = blocks("proxy-and-tls.md", "sh")[0]
    shell.run("\n".join(line for line in block.splitlines() if "sudo" not in line))


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed: apt-get install nginx-light")
@pytest.mark.usefixtures("certificate")
def test_a_service_is_reached_through_a_proxy_with_tls(
    shell: Shell, service: SmallService, tmp_path: Path
) -> None:
    """The name leads nowhere without a DNS, so curl gets its address."""
    [server] = blocks("proxy-and-tls.md", "nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    changes = {
        "http://127.0.0.1:8765": service.url,
        "/etc/ssl": str(shell.folder),
        "listen 443": f"listen 127.0.0.1:{port}",
    }
    for page, here in changes.items():
        assert page in server
        server = server.replace(page, here)
    main = tmp_path / "nginx.conf"
    places = "".join(
        f"{name}_temp_path {tmp_path / name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main.write_text(
        f"daemon off; pid {tmp_path / 'pid'}; events {{}}\n"
        f"http {{ access_log off; {places}\n{server}}}\n"
    )
    process = subprocess.Popen([str(NGINX), "-e", str(tmp_path / "errors"), "-c", str(main)])
    try:
        until = time.monotonic() + START_SECONDS
        while not answers(port):
            assert process.poll() is None, (tmp_path / "errors").read_text()
            assert time.monotonic() < until
            time.sleep(0.02)
        clients = blocks("proxy-and-tls.md", "sh")[-1]
        [key, curl] = clients.splitlines()
        there = {
            "SYNTHCXR_URL": f"https://{HOST}:{port}",
            "SYNTHCXR_TOKEN_FILE": str(tmp_path / "token"),
        }
        (tmp_path / "token").write_text("synthcxr_x")
        request = curl.replace("curl", f"curl -sS --connect-to {HOST}:{port}:127.0.0.1:{port}")
        answer = json.loads(shell.run(f"{key}\n{request}", **there))
        assert answer["items"][0]["id"] == "job_1"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def answers(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.usefixtures("certificate")
def test_the_certificate_for_a_trial_is_accepted_by_strict_clients(shell: Shell) -> None:
    """Python 3.13 and newer are."""
    command = "openssl verify -x509_strict -verify_hostname {} -CAfile hospital-ca.pem synthcxr.pem"
    assert shell.run(command.format(HOST)).strip() == "synthcxr.pem: OK"


def test_a_backup_is_made_and_its_restore_tried(shell: Shell) -> None:
    backup, restore, after_loss = blocks("backup-and-restore.md", "sh")
    shell.run("synthcxr migrate")
    (shell.folder / "synthcxr-data/keys").mkdir()
    (shell.folder / "synthcxr-data/keys/split.key").write_bytes(b"k" * 32)
    shell.run(backup)
    printed = shell.run(restore)
    assert "artifacts: all that the database names" in printed
    assert not (shell.folder / "restored").exists()
    assert "--data-dir synthcxr-data-2" in after_loss  # the same command; `up` is tried elsewhere


def test_a_server_and_its_queries_are_what_the_service_takes(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow, orthanc, _, ask, _ = blocks("pacs.md", "sh")
    shell.run(allow.replace("synthcxr up", "true"))
    file = shell.folder / "dicomweb.json"
    monkeypatch.setenv("SYNTHCXR_DICOMWEB_SERVERS_FILE", str(file))
    [(name, server)] = Settings().dicomweb_servers.items()
    assert server.password_file.read_text().strip() == "secret"

    shell.run(ask.replace("synthcxr datasets", "true"))
    queries = json.loads((shell.folder / "queries.json").read_text())
    assert DicomwebBody.model_validate(queries).server == name

    shell.run("\n".join(orthanc.splitlines()[1:-1]))  # which neither installs nor starts it
    there = json.loads((shell.folder / "orthanc.json").read_text())
    assert server.url == f"http://127.0.0.1:{there['HttpPort']}/dicom-web"
    assert there["RegisteredUsers"] == {server.username: "secret"}


def test_three_machines_serve_every_queue_with_settings_that_can_be(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, *others = blocks("three-machines.md", "sh")
    (tmp_path / "secrets").mkdir()
    for name in ("database", "broker"):
        (tmp_path / "secrets" / name).write_text("secret")
    environment = environment.replace("/run/secrets", str(tmp_path / "secrets"))
    printed = shell.run(f"{environment}\nenv | grep ^SYNTHCXR_")
    for line in printed.splitlines():
        monkeypatch.setenv(*line.split("=", 1))
    settings = Settings()
    assert settings.resolved_database_url.startswith("postgresql+psycopg://synthcxr:secret@db.")
    assert settings.resolved_broker_url.startswith("rediss://:secret@broker.")
    served = re.findall(r"--queues (\S+)", "\n".join(others))
    queues = [queue for worker in served for queue in worker.split(",")]
    assert sorted(queues) == sorted(kind.queue for kind in JobKind)
