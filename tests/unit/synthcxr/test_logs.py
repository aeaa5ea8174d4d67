from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from synthcxr.embedded.log_writer import RotatingLog, copy_lines
from synthcxr.embedded.logs import LogLimits, LogWriter
from synthcxr.embedded.processes import Child, Program

NUM_LINES = 20_000
COUNT = f"import sys\nfor number in range({NUM_LINES}): print(number, flush=True)"
KEEP_ALL = LogLimits(max_bytes=20_000, num_older=50)


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lines_of(log: Path) -> list[str]:
    """Return all lines, those of the oldest file first."""
    numbers = sorted((int(path.suffix[1:]) for path in log.parent.glob("*.log.*")), reverse=True)
    paths = [*(log.with_name(f"{log.name}.{number}") for number in numbers), log]
    return "".join(path.read_text() for path in paths).splitlines()


def test_a_log_is_bounded_and_its_lines_stay_whole(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    writer = RotatingLog(log, max_bytes=100, num_older=2)
    for number in range(1000):
        writer.write(b"line %04d\n" % number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["api.log", "api.log.1", "api.log.2"]
    assert all(file.stat().st_size <= 100 for file in files)
    kept = lines_of(log)
    assert kept == [f"line {number:04d}" for number in range(1000 - len(kept), 1000)]
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_what_an_earlier_run_wrote_counts(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    for number in range(30):
        RotatingLog(log, max_bytes=100, num_older=1).write(b"run %02d\n" % number)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 200


@pytest.mark.parametrize("size", [99, 100, 101, 250, 100_000])
def test_a_line_longer_than_a_file_is_bounded_too(tmp_path: Path, size: int) -> None:
    RotatingLog(tmp_path / "api.log", max_bytes=100, num_older=1).write(b"x" * size + b"\nend\n")
    files = list(tmp_path.iterdir())
    assert all(file.stat().st_size <= 100 for file in files)
    assert (tmp_path / "api.log").read_bytes().endswith(b"end\n")


def test_without_older_files_the_log_starts_anew(tmp_path: Path) -> None:
    writer = RotatingLog(tmp_path / "api.log", max_bytes=20, num_older=0)
    for number in range(10):
        writer.write(b"line %d\n" % number)
    assert (tmp_path / "api.log").read_text() == "line 8\nline 9\n"


def test_output_without_a_last_newline_is_written_at_the_end(tmp_path: Path) -> None:
    chunks = [b"one\ntw", b"o\nthr", b"ee", b""]
    copy_lines(lambda: chunks.pop(0), RotatingLog(tmp_path / "api.log", 100, 1))
    assert (tmp_path / "api.log").read_text() == "one\ntwo\nthree"


def test_a_running_program_loses_no_line_while_its_log_rotates(tmp_path: Path) -> None:
    log = tmp_path / "counting.log"
    child = Child(Program("counting", (sys.executable, "-c", COUNT)), log, KEEP_ALL)
    child.start()
    wait_for(child.reap)
    assert len(list(tmp_path.iterdir())) > 2
    assert lines_of(log) == [str(number) for number in range(NUM_LINES)]


def test_a_killed_writer_is_replaced_and_the_program_goes_on(tmp_path: Path) -> None:
    """Only what the writer had read and not yet written is lost: at most one chunk of lines."""
    log = tmp_path / "slow.log"
    code = "import time\nfor n in range(100): print(n, flush=True); time.sleep(0.01)"
    child = Child(Program("slow", (sys.executable, "-c", code)), log, KEEP_ALL)
    child.start()
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 5)
    writer = child._log_writer
    assert writer
    os.kill(writer._process.pid, signal.SIGKILL)
    ended: list[str | None] = []
    wait_for(lambda: ended.append(child.reap()) or ended[-1])
    assert ended[-1] == "ended with exit code 0"
    assert lines_of(log)[-1] == "99"


def test_the_last_lines_are_written_though_the_supervisor_was_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; "
        "from synthcxr.embedded.processes import Child, Program; "
        f"child = Child(Program('c', ({sys.executable!r}, '-c', 'print(1, flush=True); "
        "import time; time.sleep(60)')), Path(sys.argv[1])); "
        "child.start(); print(child.pid, flush=True); time.sleep(60)"
    )
    log = tmp_path / "c.log"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(log)], stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout
        supervisor.stdout.readline()
        supervisor.kill()
    wait_for(log.exists)


def test_writers_end_with_their_programs(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "c.log", KEEP_ALL)
    os.write(writer.output, b"hello\n")
    writer.close_output()
    writer.finish()
    assert writer._process.returncode == 0
    assert (tmp_path / "c.log").read_text() == "hello\n"
