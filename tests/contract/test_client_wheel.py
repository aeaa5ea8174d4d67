"""What a user of the client installs: itself, little else, and nothing of the server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from synthcxr.embedded.supervisor import Options, service_programs
from synthcxr.server_packages import command_of

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OF_THE_SERVER = ("models", "radiographs", "release", "service", "workers")
MAX_PACKAGES = 15  # beside itself
MAX_BYTES = 40 * 10**6


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what a wheel is built from, so that nothing is written into the checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for package in ("synthcxr", *OF_THE_SERVER):
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return copy


def built(checkout: Path, kind: str) -> zipfile.ZipFile:
    """Build a wheel or an editable one, as pip does."""
    folder = checkout / "dist" / kind
    folder.mkdir(parents=True)
    code = f"from setuptools import build_meta; build_meta.build_{kind}({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=checkout, capture_output=True)
    [wheel] = folder.glob("*.whl")
    return zipfile.ZipFile(wheel)


def test_the_wheel_holds_the_client_alone(checkout: Path) -> None:
    with built(checkout, "wheel") as wheel:
        names = wheel.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"synthcxr"}
    assert "synthcxr/py.typed" in names
    assert "synthcxr/client/clients.py" in names


def test_an_editable_install_puts_the_checkout_on_the_path(checkout: Path) -> None:
    with built(checkout, "editable") as wheel:
        [path_file] = [name for name in wheel.namelist() if name.endswith(".pth")]
        assert Path(wheel.read(path_file).decode().strip()).samefile(checkout)


def installed_with(requirement: str, found: dict[str, int]) -> None:
    """Collect what a package brings along, with its size in bytes, here and now."""
    wanted = Requirement(requirement)
    name = re.sub(r"[-_.]+", "-", wanted.name).lower()
    if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
        return
    package = distribution(name)
    files = [Path(file.locate()) for file in package.files or ()]
    found[name] = sum(file.stat().st_size for file in files if file.is_file())
    for each in package.requires or ():
        installed_with(each, found)


def test_the_client_is_small() -> None:
    found: dict[str, int] = {}
    for requirement in PROJECT["dependencies"]:
        installed_with(requirement, found)
    assert len(found) <= MAX_PACKAGES, sorted(found)
    ours = sum(file.stat().st_size for file in (ROOT / "synthcxr").rglob("*.py"))
    assert sum(found.values()) + ours <= MAX_BYTES, found


@pytest.fixture
def users_folder(tmp_path: Path) -> Path:
    """Make a folder with modules of a user's that are named as ours."""
    for package in OF_THE_SERVER:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('the user's own')")
    shutil.rmtree(tmp_path / "models")
    (tmp_path / "models.py").write_text("raise SystemExit('the user\\'s own')")
    return tmp_path


def test_a_users_modules_are_not_taken_for_ours(users_folder: Path) -> None:
    data_dir = users_folder / "data"
    command = command_of("service", "openapi")
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "SYNTHCXR_DATA_DIR": str(data_dir)}
    answer = subprocess.run(
        command, cwd=users_folder, env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("openapi: 3.1")
    shadowed = [part for part in command if part != "-P"]
    answer = subprocess.run(shadowed, cwd=users_folder, capture_output=True, check=False)
    assert answer.returncode != 0, "the folder of this test would shadow ours"


def test_everything_that_up_starts_is_started_so(tmp_path: Path) -> None:
    options = Options(tmp_path, "127.0.0.1", 8765, num_workers=1)
    for program in service_programs(options, {}):
        assert program.command[:3] == (sys.executable, "-P", "-m")


def test_the_command_without_its_packages_says_what_it_needs() -> None:
    code = "import sys; sys.modules['typer'] = None; from synthcxr.__main__ import main; main()"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert answer.returncode == 1
    assert answer.stderr == "Error: The command line needs rich and typer: pip install rich typer\n"


def test_no_message_advises_an_installation_that_exists_nowhere() -> None:
    sources = [
        path for name in ("synthcxr", *OF_THE_SERVER) for path in (ROOT / name).rglob("*.py")
    ]
    assert sources
    assert not [path for path in sources if re.search(r"pip install '?synthcxr", path.read_text())]


def test_the_python_snippets_of_readme_and_docs_are_typed(tmp_path: Path) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    code = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
    snippets = [snippet for page in pages for snippet in code.findall(page.read_text())]
    assert len(snippets) >= 3
    files = []
    for number, snippet in enumerate(snippets):
        files.append(tmp_path / f"snippet_{number}.py")
        files[-1].write_text(snippet)
    settings = tmp_path / "mypy.ini"  # as of a user who has not torch, which takes mypy long
    settings.write_text("[mypy]\n[mypy-numpy.*,PIL.*,torch.*]\nfollow_imports = skip\n")
    options = ("--strict", "--config-file", str(settings), "--cache-dir", str(tmp_path / "cache"))
    answer = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert answer.returncode == 0, answer.stdout
