from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from synthcxr.embedded.processes import Child, Program, describe_exit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def children() -> Iterator[list[Child]]:
    made: list[Child] = []
    yield made
    for child in made:
        child.wait_or_kill(0)


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def python(code: str, **environment: str) -> Program:
    return Program("child", (sys.executable, "-c", code), environment)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_output_goes_to_the_log_and_the_environment_to_the_child(tmp_path, children) -> None:
    child = Child(
        python("import os; print(os.environ['GREETING'])", GREETING="hello"), tmp_path / "log"
    )
    children.append(child)
    child.start()
    wait_for(child.reap)
    assert (tmp_path / "log").read_text() == "hello\n"


def test_pauses_double_while_a_child_dies_at_once_and_end_at_half_a_minute(tmp_path, children):
    clock = Clock()
    child = Child(python("raise SystemExit(3)"), tmp_path / "log", clock=clock)
    children.append(child)
    pauses = []
    for _ in range(9):
        child.start()
        wait_for(child.reap)
        assert not child.is_due
        died_at = clock.now
        while not child.is_due:
            clock.now += 0.25
        pauses.append(clock.now - died_at)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_program_may_bound_its_pauses(tmp_path, children):
    clock = Clock()
    program = replace(python("raise SystemExit(3)"), longest_pause_seconds=2.0)
    child = Child(program, tmp_path / "log", clock=clock)
    children.append(child)
    for _ in range(6):
        child.start()
        wait_for(child.reap)
        clock.now += 2.0
        assert child.is_due


def test_a_child_that_lived_long_starts_again_after_the_first_pause(tmp_path, children) -> None:
    clock = Clock()
    child = Child(python("input()"), tmp_path / "log", clock=clock)
    children.append(child)
    for _ in range(3):
        child.start()
        clock.now += 100
        wait_for(child.reap)
        clock.now += 0.5
        assert child.is_due


def test_what_a_killed_child_leaves_behind_is_killed_too(tmp_path, children) -> None:
    code = (
        "import subprocess, time; "
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True); "
        "time.sleep(60)"
    )
    child = Child(python(code), tmp_path / "log")
    children.append(child)
    child.start()
    wait_for(lambda: (tmp_path / "log").read_text().endswith("\n"))
    grandchild = int((tmp_path / "log").read_text())
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    wait_for(child.reap)
    wait_for(lambda: not is_alive(grandchild))


def test_a_child_that_ignores_sigterm_is_killed_in_the_end(tmp_path, children) -> None:
    code = (
        "import signal; signal.signal(15, signal.SIG_IGN); print('on', flush=True); signal.pause()"
    )
    child = Child(python(code), tmp_path / "log")
    children.append(child)
    child.start()
    wait_for((tmp_path / "log").read_text)
    pid = child.pid
    child.ask_to_stop()
    child.wait_or_kill(0.2)
    assert pid is not None
    assert not is_alive(pid)


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended with exit code 0"), (7, "ended with exit code 7"), (-9, "was killed by SIGKILL")],
)
def test_an_exit_is_explained_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
