import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's kernel")

SLEEPER = "import time; time.sleep(60)"
ARMED = "from synthcxr.parent_death import die_with_parent; die_with_parent({parent}); "


def test_a_process_dies_with_its_parent() -> None:
    child = ARMED.format(parent="int(sys.argv[1])") + "print('armed', flush=True); " + SLEEPER
    start = (
        "import os, subprocess, sys; "
        f"subprocess.run([sys.executable, '-c', {'import sys; ' + child!r}, str(os.getpid())])"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", start],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    with parent.stdout as said:
        assert said.readline() == b"armed\n"
        parent.kill()
        parent.wait()
        assert said.read() == b""  # ends when the child's end of the pipe does, long before 60 s


def test_a_process_whose_parent_died_before_it_could_ask_dies_at_once() -> None:
    another = os.getppid()  # stands for a parent that is gone
    ended = subprocess.run(
        [sys.executable, "-c", ARMED.format(parent=another) + SLEEPER], check=False, timeout=30
    )
    assert ended.returncode == -signal.SIGKILL
