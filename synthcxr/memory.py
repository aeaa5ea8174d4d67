"""How much memory this process and its descendants use together (Linux)."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

SAMPLE_EVERY_SECONDS = 0.5


class PeakMemory:
    """Watch the resident memory of this process tree while a block runs.

    The resident sizes are added up, so memory that processes share counts once for each. Where
    there is no /proc the peak stays 0.

    Attributes:
        peak_bytes: The largest sum seen so far.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, tree_resident_bytes(os.getpid()))
            if self._stop.wait(SAMPLE_EVERY_SECONDS):
                return


def tree_resident_bytes(root: int) -> int:
    """Add up the resident memory of a process and its descendants, in bytes."""
    resident: dict[int, int] = {}
    parent: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # Fields after the command's name, which may hold anything (man 5 proc_pid_stat).
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        pid = int(folder.name)
        parent[pid] = int(fields[1])
        resident[pid] = int(fields[21]) * os.sysconf("SC_PAGESIZE")
    return sum(size for pid, size in resident.items() if _descends(pid, root, parent))


def _descends(pid: int, root: int, parent: dict[int, int]) -> bool:
    while pid != root and pid in parent:
        pid = parent[pid]
    return pid == root
