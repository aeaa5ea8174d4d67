"""What the repository promises to whoever opens it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# `make test` sets variables for the make that it starts
NOT_UNDER_MAKE = {name: value for name, value in os.environ.items() if "MAKE" not in name}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVER_ONLY = (
    *("alembic", "celery", "fastapi", "jinja2", "matplotlib"),
    *("numpy", "PIL", "redis", "sqlalchemy", "torch"),
)
OURS = {"models", "radiographs", "release", "service", "synthcxr", "workers", "benchmarks", "tests"}


def package_name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-")


def requirements() -> set[str]:
    extras = PROJECT["optional-dependencies"].values()
    listed = {*PROJECT["dependencies"], *chain.from_iterable(extras)}
    return {package_name(requirement) for requirement in listed} - {PROJECT["name"]}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {package_name(line): line for line in lines}


@pytest.mark.parametrize("package", sorted(requirements()))
def test_every_dependency_is_pinned_and_worth_a_sentence(package: str) -> None:
    assert package in constraints()
    sentences = (ROOT / "docs" / "dependencies.md").read_text()
    assert re.search(rf"^\| {re.escape(package)} \| .+\. \|$", sentences, re.MULTILINE)


def test_the_constraints_are_exact_versions_and_name_no_place() -> None:
    for line in constraints().values():
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+", line), line


def test_the_client_and_its_command_line_import_nothing_of_the_server() -> None:
    code = (
        "import sys, synthcxr.cli, synthcxr.client; from importlib import import_module; "
        "[import_module('synthcxr.cli.' + place.partition(':')[0])"
        " for place in synthcxr.cli.COMMANDS.values()]; "
        f"print([name for name in {SERVER_ONLY!r} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert answer.stdout.strip() == "[]"


def test_the_ci_script_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)  # noqa: S607 - the shell of the PATH


def test_every_make_target_is_listed_and_its_recipe_parses() -> None:
    listed = subprocess.run(
        ["make", "help"],  # noqa: S607 - the make of the PATH
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=NOT_UNDER_MAKE,
    ).stdout
    targets = [line.split()[0] for line in listed.splitlines()]
    for target in ("install", "lint", "types", "test", "demo", "up", "all"):
        assert target in targets
    dry_run = ["make", "--dry-run", *targets]
    subprocess.run(dry_run, capture_output=True, check=True, cwd=ROOT, env=NOT_UNDER_MAKE)


def test_the_variables_of_make_demo_reach_its_command_line_unchanged() -> None:
    answer = subprocess.run(
        ["make", "--dry-run", "demo", "DATA=Anna's images, old", "OUT=my demo"],  # noqa: S607 - the make of the PATH
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**NOT_UNDER_MAKE, "FAMILY": "gan", "SECONDS": "7", "KEEP": "1"},
    )
    [line] = [line for line in answer.stdout.splitlines() if "synthcxr demo" in line]
    options = shlex.split(line.partition("synthcxr demo")[2])
    assert options == ["--data", "Anna's images, old", "--out", "my demo"]


def test_every_link_between_the_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    assert documents
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def named_in_backticks(path: Path) -> set[str]:
    found = re.findall(r"`(\w+(?:\.\w+)+)`", path.read_text())
    return {name for name in found if name.partition(".")[0] in OURS}


def resolves(name: str) -> bool:
    """Whether a dotted name is a folder, a file, or what a file assigns or defines."""
    place = ROOT.joinpath(*name.split("."))
    if place.is_dir() or place.with_suffix(".py").exists():
        return True
    module, member = place.parent.with_suffix(".py"), place.name
    defined = rf"^(?:class|def|async def)? ?{member}\b"
    return module.exists() and bool(re.search(defined, module.read_text(), re.MULTILINE))


def test_every_module_that_a_text_names_is_there() -> None:
    sources = [path for name in sorted(OURS) for path in (ROOT / name).rglob("*.py")]
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources
        for name in named_in_backticks(path)
        if not resolves(name)
    }
    assert sources
    assert not missing
