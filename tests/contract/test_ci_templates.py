"""What the repository offers to other people's CI does what its files say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.unit.synthcxr.conftest import MakeSet, make_set  # noqa: F401 - a fixture
from tests.unit.synthcxr.small_service import SmallService

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
GITLAB_HEAD, GITLAB = (ROOT / "deploy/gitlab/fetch.gitlab-ci.yml").read_text().split("\n---\n")
SPEC = "model: mdl_1\ncounts: {COVID: 3, Normal: 3}\nseed: 7\noutput: data/set.zip\n"
# Installing is written down and not done: nothing is downloaded by a test.
PYTHON = """#!/bin/sh
if [ "$2" = pip ]; then echo "$@" >> "$INSTALLED"; else exec {python} "$@"; fi
"""


@pytest.fixture
def service(make_set: MakeSet) -> Iterator[SmallService]:  # noqa: F811
    service = SmallService(make_set().read_bytes())
    with service.running():
        yield service


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """Make a machine of a CI: a project with a spec, and a `python3` that installs nothing."""
    (tmp_path / "set.yaml").write_text(SPEC)
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python3"
    python.write_text(PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    return {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "INSTALLED": str(tmp_path / "installed"),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
    }


def run(script: str, environment: dict[str, str], folder: Path) -> int:
    """Run a step as both do: in bash, ended by the first command that fails."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, env=environment, cwd=folder, check=False).returncode


def github(text: str, inputs: dict[str, str]) -> str:
    """Fill in the expressions that our action uses."""
    known = {f"inputs.{name}": value for name, value in inputs.items()}
    known["github.action_path"] = str(ROOT)
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: known[found[1]], text)


def gitlab(inputs: dict[str, str]) -> dict[str, Any]:
    """Fill in the inputs of our template."""
    declared = yaml.safe_load(GITLAB_HEAD)["spec"]["inputs"]
    given = {name: (each or {}).get("default") for name, each in declared.items()} | inputs
    text = re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: given[found[1]], GITLAB)
    [job] = yaml.safe_load(text).values()
    return job


@pytest.mark.parametrize(
    ("verdict", "ended"), [({"outcome": "passed"}, 0), ({"outcome": "refused", "code": "x"}, 6)]
)
def test_the_steps_of_the_action_fetch_a_set_and_name_it(
    service: SmallService, runner: dict[str, str], tmp_path: Path, verdict: Any, ended: int
) -> None:
    service.verdict = verdict
    defaults = {name: str(each.get("default")) for name, each in ACTION["inputs"].items()}
    inputs = defaults | {"spec": "set.yaml", "url": service.url, "token": "synthcxr_x"}
    codes = []
    for step in ACTION["runs"]["steps"]:
        if "run" not in step:
            continue
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an input would be read as a command"
        given = {name: github(value, inputs) for name, value in step["env"].items()}
        codes.append(run(step["run"], {**runner, **given}, tmp_path))
    assert codes == [0, ended]
    if not ended:
        outputs = dict(
            line.split("=", 1) for line in (tmp_path / "outputs").read_text().splitlines()
        )
        assert (tmp_path / outputs["path"]).read_bytes() == service.content
        assert set(outputs) == set(ACTION["outputs"])


def test_what_the_action_installs_is_its_own_checkout_with_an_extra_that_is_there(
    runner: dict[str, str], tmp_path: Path
) -> None:
    [step] = [each for each in ACTION["runs"]["steps"] if each.get("name") == "Install the client"]
    assert run(step["run"], {**runner, "SOURCE": str(ROOT)}, tmp_path) == 0
    installed = (tmp_path / "installed").read_text().split()[-1]
    assert installed == f"{ROOT}[cli]"
    assert "cli = [" in (ROOT / "pyproject.toml").read_text()


def test_the_script_of_the_gitlab_template_fetches_a_set(
    service: SmallService, runner: dict[str, str], tmp_path: Path
) -> None:
    wheel = "https://files.example.org/synthcxr-0.1.0-py3-none-any.whl"
    inputs = {"spec": "set.yaml", "url": service.url, "package": wheel, "output": "data/set.zip"}
    job = gitlab(inputs)
    environment = {**runner, **job["variables"], "SYNTHCXR_TOKEN": "synthcxr_x"}
    for line in (*job["before_script"], *job["script"]):
        assert run(line, environment, tmp_path) == 0
    requirement = (tmp_path / "installed").read_text().partition("--quiet ")[2].strip()
    assert Requirement(requirement).url == wheel
    [artifact] = job["artifacts"]["paths"]
    assert (tmp_path / artifact).read_bytes() == service.content
