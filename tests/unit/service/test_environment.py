"""An environment that cannot be right is one line; what is in force is shown without secrets."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import Settings, settings_or_exit
from service.settings.environment import BAD_SETTINGS, unknown_variables
from service.settings.in_force import as_json, as_lines, in_force


def ended(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        settings_or_exit()
    assert exit_.value.code == BAD_SETTINGS
    [line] = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SYNTHCXR_DATABASE_URI", "postgresql://h/db", "Write SYNTHCXR_DATABASE_URL"),
        ("SYNTHCXR_BROKER_PASWORD_FILE", "/run/x", "Write SYNTHCXR_BROKER_PASSWORD_FILE"),
        ("SYNTHCXR_XYZ", "1", "synthcxr config"),
        ("SYNTHCXR_PORT", "http", "SYNTHCXR_PORT: Input should be"),
        ("SYNTHCXR_ARTIFACTS", "s3:/x", "SYNTHCXR_ARTIFACTS: Write s3://BUCKET"),
        ("SYNTHCXR_DATABASE_PASSWORD_FILE", "/nowhere", "SYNTHCXR_DATABASE_PASSWORD_FILE names"),
        ("SYNTHCXR_OIDC_ISSUER", "https://id.example", "Error: SYNTHCXR_OIDC_ISSUER needs"),
    ],
)
def test_a_variable_that_cannot_be_right_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert said in ended(capsys)


def test_variables_of_the_client_and_of_tests_are_known() -> None:
    known = ("URL", "TOKEN", "TOKEN_FILE", "CA_BUNDLE", "PROFILE", "CACHE_DIR", "LOG_MAX_BYTES")
    ours = dict.fromkeys([f"SYNTHCXR_{name}" for name in (*known, "TEST_DATA", "FUZZ_CASES")], "x")
    assert unknown_variables({**ours, "OTHER": "x"}) == []


def test_what_the_client_reads_is_known_to_the_service() -> None:
    root = Path(__file__).parents[3] / "synthcxr"
    words = {
        word.strip("\"'(),:`[]")
        for path in root.rglob("*.py")
        for word in path.read_text().split()
        if word.startswith(('"SYNTHCXR_', 'envvar="SYNTHCXR_'))
    }
    named = {word.removeprefix('envvar="').strip('",') for word in words}
    assert named
    assert unknown_variables(dict.fromkeys(named, "x")) == []


def test_what_is_in_force_names_its_source_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("hidden1")
    monkeypatch.setenv("SYNTHCXR_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("SYNTHCXR_DATABASE_URL", "postgresql://u:hidden2@h/db?sslpassword=hidden3")
    monkeypatch.setenv("SYNTHCXR_BROKER_URL", "redis://:hidden4@h/0")
    monkeypatch.setenv("SYNTHCXR_S3_ACCESS_KEY_ID", "hidden5")
    monkeypatch.setenv("SYNTHCXR_S3_SECRET_ACCESS_KEY", "hidden6")
    settings = Settings()
    lines, document = as_lines(in_force(settings)), as_json(in_force(settings))
    assert "hidden" not in lines + document
    shown = {each["variable"]: each for each in json.loads(document)}
    assert shown["SYNTHCXR_DATABASE_URL"]["source"] == "variable"
    assert shown["SYNTHCXR_DATABASE_PASSWORD"]["source"] == f"file {tmp_path / 'password'}"
    assert shown["SYNTHCXR_PORT"] == {
        "variable": "SYNTHCXR_PORT",
        "value": 8765,
        "source": "default",
    }
    assert lines.startswith("SYNTHCXR_BROKER_URL ")


@pytest.mark.parametrize(
    ("module", "part", "variables", "said"),
    [
        ("service", "migrate", {"SYNTHCXR_DATABASE_URL": "postgresql+psycopg://u:x@127.0.0.1:1/d"},
         "Error: postgresql+psycopg://u:***@127.0.0.1:1/d: The database cannot be reached"),
        ("workers", "worker", {"SYNTHCXR_BROKER_URL": ""}, "Error: a worker and the scheduler"),
    ],
)  # fmt: skip
def test_a_part_without_its_database_or_broker_ends_with_one_line(
    tmp_path: Path, module: str, part: str, variables: dict[str, str], said: str
) -> None:
    environment = {**os.environ, "SYNTHCXR_DATA_DIR": str(tmp_path / "data"), **variables}
    if module == "workers":
        migrate = [sys.executable, "-m", "service", "migrate"]
        subprocess.run(migrate, env=environment, check=True, capture_output=True)
    answer = subprocess.run(
        [sys.executable, "-m", module, part],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode in {1, BAD_SETTINGS}
    assert answer.stdout == ""
    [line] = answer.stderr.splitlines()
    assert line.startswith(said)


@pytest.mark.parametrize(
    "file", ["docker-compose.yml", "Dockerfile", "deploy/helm", "docs/settings.md"]
)
def test_what_our_deployments_set_is_known(file: str) -> None:
    place = Path(__file__).parents[3] / file
    files = [each for each in place.rglob("*") if each.is_file()] if place.is_dir() else [place]
    named = {
        name
        for each in files
        for name in re.findall(r"\bSYNTHCXR_[A-Z0-9_]*[A-Z0-9]\b", each.read_text())
    }
    assert named
    assert unknown_variables(dict.fromkeys(named, "x")) == []
