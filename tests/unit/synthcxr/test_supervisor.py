from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from service.settings import Settings
from synthcxr.embedded.lock import DataDirLock
from synthcxr.embedded.processes import Program
from synthcxr.embedded.supervisor import (
    Options,
    Supervisor,
    check_auth,
    check_port,
    service_programs,
    up,
)
from synthcxr.errors import CannotStart

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")

SUPERVISE_FOREVER = """
import sys
from pathlib import Path
from synthcxr.embedded.processes import Program
from synthcxr.embedded.supervisor import Supervisor
supervisor = Supervisor(Path(sys.argv[1]), print)
sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
for name in ("first", "second"):
    print(supervisor.add(Program(name, sleeper)).pid, flush=True)
supervisor.run()
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def options(data_dir: Path, port: int = 8765, num_workers: int = 1) -> Options:
    return Options(data_dir, "127.0.0.1", port, num_workers)


def test_a_killed_child_runs_again_within_about_a_second(tmp_path: Path) -> None:
    lines: list[str] = []
    supervisor = Supervisor(tmp_path, lines.append)
    child = supervisor.add(Program("worker-1", SLEEPER))
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    killed_at = time.monotonic()

    def stop_when_it_runs_again() -> None:
        if child.pid not in {None, first} or time.monotonic() > killed_at + 10:
            supervisor.stop()

    supervisor.run(stop_when_it_runs_again)
    took_seconds = time.monotonic() - killed_at
    assert child.pid != first
    supervisor.shut_down()
    assert took_seconds < 2
    assert lines == [
        f"worker-1 was killed by SIGKILL; starting it again (log: {tmp_path}/worker-1.log)"
    ]


def test_a_child_that_cannot_be_started_again_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that has no room for another process."""
    lines: list[str] = []
    supervisor = Supervisor(tmp_path, lines.append)
    child, other = (supervisor.add(Program(name, SLEEPER)) for name in ("worker-1", "other"))
    first, pid = child.pid, other.pid
    assert first
    assert pid
    os.kill(first, signal.SIGKILL)
    started = subprocess.Popen

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    def watch() -> None:
        if sum("cannot be started" in line for line in lines) == 2:
            monkeypatch.setattr(subprocess, "Popen", started)
        if child.pid not in {None, first}:
            supervisor.stop()

    monkeypatch.setattr(subprocess, "Popen", refuse)
    supervisor.run(watch)
    assert is_alive(pid)
    assert (
        lines[1:]
        == ["worker-1 cannot be started (Resource temporarily unavailable); trying again"] * 2
    )
    supervisor.shut_down()


def test_stopping_leaves_no_process_and_takes_less_than_five_seconds(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); "
        "print('deaf', flush=True); time.sleep(60)"
    )
    supervisor = Supervisor(tmp_path, print)
    children = [
        supervisor.add(Program("broker", SLEEPER)),
        supervisor.add(Program("deaf", (sys.executable, "-c", deaf))),
    ]
    wait_for((tmp_path / "deaf.log").read_text)
    pids = [child.pid for child in children]
    began = time.monotonic()
    supervisor.shut_down()
    assert time.monotonic() - began < 5
    assert not any(is_alive(pid) for pid in pids if pid)


def test_each_program_gets_its_own_time_to_stop(tmp_path: Path) -> None:
    """A worker writes a checkpoint first."""
    slow = (
        "import signal, sys, time; "
        "signal.signal(15, lambda *_: (time.sleep(1.0), print('saved'), sys.exit())); "
        "print('on', flush=True); time.sleep(60)"
    )
    command = (sys.executable, "-c", slow)
    supervisor = Supervisor(tmp_path, print)
    supervisor.add(Program("patient", command, stop_seconds=20.0))
    supervisor.add(Program("hasty", command, stop_seconds=0.1))
    logs = [tmp_path / "patient.log", tmp_path / "hasty.log"]
    wait_for(lambda: all(log.read_text() for log in logs))
    supervisor.shut_down()
    assert [log.read_text().split() for log in logs] == [["on", "saved"], ["on"]]


def test_a_second_request_to_stop_does_not_wait(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); "
        "print('deaf', flush=True); time.sleep(60)"
    )
    supervisor = Supervisor(tmp_path, print)
    supervisor.add(Program("deaf", (sys.executable, "-c", deaf), stop_seconds=60.0))
    wait_for((tmp_path / "deaf.log").read_text)
    supervisor.stop()
    supervisor.stop()
    began = time.monotonic()
    supervisor.shut_down()
    assert time.monotonic() - began < 30


def test_an_ingest_does_not_stop_a_training(tmp_path: Path) -> None:
    programs = service_programs(options(tmp_path), {})
    commands = [program.command for program in programs if "worker" in program.command]
    queues = [command[command.index("--queues") + 1] for command in commands]
    generation = "gpu.generate,gpu.score,gpu.prepare,gpu.preview"
    assert sorted(queues) == ["cpu.ingest,cpu.push", generation, "gpu.train"]


def test_a_worker_has_longer_to_stop_than_it_takes_itself(tmp_path: Path) -> None:
    for program in service_programs(options(tmp_path), {}):
        if "worker" in program.command:
            assert program.stop_seconds > Settings().stop_seconds


def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISE_FOREVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(supervisor.stdout.readline()) for _ in range(2)]
        assert all(map(is_alive, pids))
        supervisor.kill()
    wait_for(lambda: not any(map(is_alive, pids)))


def test_a_data_directory_has_one_holder_who_is_named_to_the_next(tmp_path: Path) -> None:
    lock = DataDirLock(tmp_path, "http://127.0.0.1:8765")
    try:
        with pytest.raises(CannotStart, match=rf"pid {os.getpid()}, http://127.0.0.1:8765"):
            up(options(tmp_path, port=8766), print)
    finally:
        lock.release()


def test_a_data_directory_is_free_after_its_holder_let_go(tmp_path: Path) -> None:
    DataDirLock(tmp_path, "http://one").release()
    DataDirLock(tmp_path, "http://another").release()


def test_a_port_in_use_is_reported_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port}: Address already in use"):
            up(options(tmp_path, port=port), print)
    assert not (tmp_path / "broker.sock").exists()
    assert not list((tmp_path / "logs").iterdir())
    DataDirLock(tmp_path, "http://next").release()


def test_a_free_port_is_fine() -> None:
    check_port("127.0.0.1", 0)


def test_every_worker_has_its_own_name_and_all_share_the_settings(tmp_path: Path) -> None:
    two = options(tmp_path, num_workers=2)
    environment = two.environment("redis+socket:///broker.sock")
    programs = service_programs(two, environment)
    names = [program.name for program in programs]
    assert names == ["api", "worker-1", "worker-2", "worker-ingest", "worker-generate", "scheduler"]
    assert all(program.environment["SYNTHCXR_DATA_DIR"] == str(tmp_path) for program in programs)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 - a value to show
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("images.example", "http://images.example:80"),
    ],
)
def test_the_url_is_one_that_a_client_here_can_open(tmp_path: Path, host: str, url: str) -> None:
    assert Options(tmp_path, host, 80, 1).url == url


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "images.example"])  # noqa: S104
def test_without_keys_nothing_is_started_on_a_network(tmp_path: Path, host: str) -> None:
    with pytest.raises(CannotStart, match="leave --no-auth out"):
        up(Options(tmp_path, host, 8765, 1, auth=False), print)
    assert not list((tmp_path / "logs").iterdir())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_without_keys_a_loopback_address_is_fine(tmp_path: Path, host: str) -> None:
    check_auth(Options(tmp_path, host, 8765, 1, auth=False))


def test_whether_keys_are_asked_for_does_not_depend_on_what_is_inherited(tmp_path: Path) -> None:
    assert options(tmp_path).environment("broker")["SYNTHCXR_AUTH"] == "keys"
    without = Options(tmp_path, "127.0.0.1", 8765, 1, auth=False)
    assert without.environment("broker")["SYNTHCXR_AUTH"] == "none"
