"""docker-compose.yml and the Dockerfile, held against what the command line really offers.

There is no container engine where these tests run: they read, they start nothing.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from service.domain.job import JobKind
from service.settings import Settings
from synthcxr.cli import app

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
CLI = typer.main.get_command(app)


def options_of(command: list[str]) -> dict[str, str]:
    """Parse a command as the command line would; a wrong one raises."""
    name, *arguments = command
    subcommand = CLI.get_command(None, name)
    return subcommand.make_context(name, list(arguments)).params


def test_the_service_has_its_eight_parts() -> None:
    assert sorted(SERVICES) == [
        "api",
        "migrate",
        "postgres",
        "redis",
        "scheduler",
        "worker-cpu",
        "worker-generate",
        "worker-gpu",
    ]


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_that_the_command_line_offers(name: str) -> None:
    options_of(SERVICES[name]["command"])


def test_the_workers_together_serve_every_queue_once() -> None:
    served: list[str] = []
    for name in ("worker-cpu", "worker-generate", "worker-gpu"):
        served += options_of(SERVICES[name]["command"])["queues"].split(",")
    assert sorted(served) == sorted(kind.queue for kind in JobKind)


def test_the_published_port_is_the_one_the_api_listens_on() -> None:
    options = options_of(SERVICES["api"]["command"])
    assert options["host"] == "0.0.0.0"  # noqa: S104 - inside its container
    [published] = SERVICES["api"]["ports"]
    assert published.split(":") == ["127.0.0.1", "8765", str(options["port"])]


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_that_the_service_reads(name: str) -> None:
    known = {f"SYNTHCXR_{field}".upper() for field in Settings.model_fields}
    known |= {f"{variable}_FILE" for variable in known}
    assert set(SERVICES[name]["environment"]) <= known
    assert {"SYNTHCXR_DATABASE_URL", "SYNTHCXR_BROKER_URL"} <= set(SERVICES[name]["environment"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nobody_waits_for_what_never_comes(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert wait["condition"] == "service_completed_successfully"
            assert other == "migrate"


def volumes_of(name: str) -> list[list[str]]:
    """Return source, target and mode of each volume where the environment names none."""
    volumes = SERVICES[name].get("volumes", [])
    return [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", volume).split(":") for volume in volumes]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_volume_is_declared(name: str) -> None:
    assert {source for source, *_ in volumes_of(name)} <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", ["api", "worker-cpu"])
def test_who_checks_and_who_reads_a_path_sees_the_images_and_cannot_write_there(name: str) -> None:
    root = SERVICES[name]["environment"]["SYNTHCXR_DATASET_ROOTS"]
    assert ["radiographs", root, "ro"] in volumes_of(name)


def test_every_build_target_is_a_stage_of_the_dockerfile() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM \S+ AS (\w+)$", dockerfile, re.MULTILINE)
    assert {SERVICES[name]["build"]["target"] for name in OURS} <= set(stages)


def test_the_images_have_every_file_that_the_package_is_built_from() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, importlinter = settings["project"], settings["tool"]["importlinter"]
    needed = {project["readme"], *project["license-files"], *importlinter["root_packages"]}
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert needed <= set(" ".join(copied).split())


def test_no_container_of_ours_runs_as_root() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("FROM ")[2:]
    assert len(stages) == 2
    assert all("USER synthcxr" in stage for stage in stages)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_password_is_in_a_variable_a_command_or_a_url(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if "PASSWORD" in variable:
            assert variable.endswith("_FILE")
            assert value.startswith("/run/secrets/")
        assert not re.search(r"://[^/@]*:[^/@]*@", value), variable
    # `$$` is for the shell inside; one `$` would be replaced by compose, and shown by `inspect`
    assert not re.search(r"(?<!\$)\$(?!\$)", str(SERVICES[name].get("command", "")))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_secret_that_is_read_is_mounted_and_declared(name: str) -> None:
    given = set(SERVICES[name].get("secrets", []))
    read = set(re.findall(r"/run/secrets/([\w-]+)", str(SERVICES[name])))
    assert read == given
    assert given <= set(COMPOSE["secrets"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_has_nothing_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert "0" not in {user, group}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert any(each.partition(":")[0] == "/tmp" for each in service["tmpfs"])  # noqa: S108 - the container's own
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize("name", ["api", "postgres", "redis"])
def test_what_others_wait_for_or_call_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_the_health_of_the_api_is_asked_where_it_listens() -> None:
    [_, program, *command] = SERVICES["api"]["healthcheck"]["test"]
    assert program == "synthcxr"
    port = options_of(SERVICES["api"]["command"])["port"]
    assert options_of(command)["url"].endswith(f":{port}")


def test_only_the_api_is_reached_from_outside_and_only_from_this_machine() -> None:
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert published.keys() == {"api"}
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


def test_the_data_directory_is_for_its_user_alone_from_the_start() -> None:
    assert (
        "install --directory --mode 0700 --owner synthcxr /data"
        in (ROOT / "Dockerfile").read_text()
    )
