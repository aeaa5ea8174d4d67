from __future__ import annotations

import subprocess
import sys

from synthcxr.peak_memory import PeakMemory, tree_resident_bytes

HOLD_FOR_A_SECOND = "import time; x = bytearray(64 << 20); time.sleep(1)"
HOLD_64_MIB = "x = bytearray(64 << 20); print('held', flush=True); input()"


def test_a_childs_memory_counts_and_the_peak_stays() -> None:
    before = tree_resident_bytes()
    with PeakMemory() as memory:
        command = [sys.executable, "-c", HOLD_64_MIB]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            during = tree_resident_bytes()
            memory._stop.wait(0.7)
            child.communicate("\n")
    assert during - before > 60 << 20
    assert memory.peak_bytes >= during - (8 << 20)


def test_other_processes_do_not_count() -> None:
    before = tree_resident_bytes()
    script = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {HOLD_FOR_A_SECOND!r}])"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert tree_resident_bytes() - before < 30 << 20
