import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.adapters.signing_keys import KeyRing
from service.adapters.split_key import SplitKey
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.operations import doctor
from service.operations.checks import machine
from service.operations.checks.finding import Finding
from tests.object_store import SECRET, ObjectStore


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of a service that was started once."""
    for name in [name for name in os.environ if name.startswith("SYNTHCXR_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("SYNTHCXR_DATA_DIR", str(path))
    monkeypatch.setenv("SYNTHCXR_PORT", "1")  # nobody listens there
    monkeypatch.setattr(machine, "_TORCH", "print('2.15.0|cpu')")
    engine = open_engine(f"sqlite:///{path / 'synthcxr.db'}")
    migrate(engine)
    engine.dispose()
    KeyRing(path).current()
    SplitKey(path).read_or_make()
    return path


def found() -> dict[str, Finding]:
    """Return the worst finding of each check."""
    worst: dict[str, Finding] = {}
    for finding in sorted(doctor.examine(), key=lambda each: each.failed):
        worst[finding.check] = finding
    return worst


@pytest.mark.usefixtures("data_dir")
def test_a_service_in_order_has_nothing_to_mend() -> None:
    assert [each for each in doctor.examine() if each.status != "ok" and each.check != "disk"] == []


def test_a_machine_where_nothing_was_started_yet_is_in_order(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHCXR_DATA_DIR", str(data_dir.parent / "new"))
    assert not any(each.failed for each in doctor.examine() if each.check != "disk")
    assert not (data_dir.parent / "new").exists()


def opened_to_others(data_dir: Path) -> None:
    data_dir.chmod(0o755)


def key_opened_to_others(data_dir: Path) -> None:
    (data_dir / "keys" / "split.key").chmod(0o644)


def split_key_cut(data_dir: Path) -> None:
    (data_dir / "keys" / "split.key").write_bytes(b"short")


def signing_key_gone(data_dir: Path) -> None:
    for key in (data_dir / "keys").glob("*.key"):
        if key.name != "split.key":
            key.unlink()


def database_damaged(data_dir: Path) -> None:
    path = data_dir / "synthcxr.db"
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 4] = b"\xff" * 8192
    path.write_bytes(content)


def schema_of_another_version(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "synthcxr.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (opened_to_others, "data directory"),
        (key_opened_to_others, "keys"),
        (split_key_cut, "keys"),
        (signing_key_gone, "keys"),
        (database_damaged, "database file"),
        (schema_of_another_version, "database"),
    ],
)
def test_each_damage_fails_its_check_and_says_what_to_do(
    data_dir: Path, damage: Callable[[Path], None], check: str
) -> None:
    damage(data_dir)
    finding = found()[check]
    assert finding.failed
    assert finding.fix


@pytest.mark.parametrize(
    ("variable", "value", "status"),
    [
        ("SYNTHCXR_LEASE_SECONDS", "-1", "failed"),
        ("SYNTHCXR_HEARTBEAT_SECONDS", "40", "failed"),
        ("SYNTHCXR_DATASET_ROOTS", "/nowhere/at/all", "failed"),
        ("SYNTHCXR_DATABASE_PASSWORD_FILE", "/nowhere/at/all", "failed"),
        ("SYNTHCXR_DATABASE_URI", "postgresql://host/db", "failed"),
        ("SYNTHCXR_EXTRACTORS", "a=torchscript:/nowhere.pt", "failed"),
    ],
)
@pytest.mark.usefixtures("data_dir")
def test_a_setting_that_cannot_work_is_named(
    variable: str, value: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    finding = found()["settings"]
    assert finding.status == status
    assert variable in finding.found


@pytest.mark.usefixtures("data_dir")
def test_a_broker_that_does_not_answer_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHCXR_BROKER_URL", "redis://127.0.0.1:1/0")
    assert found()["broker"].failed


def test_what_an_attempt_left_behind_is_reported_when_it_is_old(data_dir: Path) -> None:
    left = data_dir / "staging" / "job-1"
    left.mkdir(parents=True)
    assert found()["leftovers"].status == "ok"
    two_days_ago = time.time() - 2 * 86400
    os.utime(left, (two_days_ago, two_days_ago))
    assert found()["leftovers"].status == "warning"


@pytest.mark.parametrize(("seconds", "status"), [(0, "ok"), (-5, "warning"), (31, "failed")])
def test_a_clock_that_is_off_is_measured(seconds: float, status: str) -> None:
    other = datetime.now(UTC) + timedelta(seconds=seconds)
    assert machine.compare_clock("clock", other).status == status


@pytest.mark.usefixtures("data_dir")
def test_a_torch_that_cannot_be_imported_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_TORCH", "raise ImportError('libcuda.so.1: no such file')")
    assert "libcuda" in found()["torch"].found


def test_the_command_prints_json_and_fails_where_a_check_does(data_dir: Path) -> None:
    data_dir.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "synthcxr", "doctor", "--data-dir", str(data_dir), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [finding] = [each for each in json.loads(done.stdout) if each["check"] == "data directory"]
    assert finding["fix"] == f"chmod 700 {data_dir}"


def test_an_object_store_is_looked_at_and_not_written(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, object_store: ObjectStore
) -> None:
    settings = object_store.settings(data_dir)
    for name in ("artifacts", "s3_endpoint", "s3_region"):
        monkeypatch.setenv(f"SYNTHCXR_{name.upper()}", getattr(settings, name))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    assert found()["object store"].status == "ok"
    assert object_store.objects() == []
    object_store.remove_bucket()
    worst = found()
    assert worst["object store"].failed
    assert "There is no bucket" in worst["object store"].found
    assert worst["artifacts"].failed
