"""Where the output of the embedded service's programs goes: files of bounded size."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from synthcxr.embedded import log_writer

FINISH_SECONDS = 2.0


@dataclass(frozen=True)
class LogLimits:
    """How much of each program's output is kept.

    Attributes:
        max_bytes: Largest size of one file.
        num_older: How many older files are kept beside it.
    """

    max_bytes: int = 10 * 2**20
    num_older: int = 5


DEFAULT_LIMITS = LogLimits()


class LogWriter:
    """A process that writes to a log what others write to a pipe; it ends with the last of them.

    We keep the reading end too, so that a writer that was killed can be replaced: who writes to
    the pipe does not notice, and no line is lost.

    Args:
        log: The file.
        limits: How large it may become.

    Raises:
        OSError: The system has no room for another process.
    """

    def __init__(self, log: Path, limits: LogLimits) -> None:
        log.touch(mode=0o600)
        self._command = (
            # isolated, and by its path: it starts at once, without the rest of this package
            *(sys.executable, "-I", "-S", log_writer.__file__),
            *(str(log), str(limits.max_bytes), str(limits.num_older)),
        )
        self._reading, self.output = os.pipe()
        try:
            self._process = self._start()
        except OSError:
            os.close(self._reading)
            os.close(self.output)
            raise

    def close_output(self) -> None:
        """Close our own writing end, once the program has it."""
        os.close(self.output)

    def keep_alive(self) -> None:
        """Start the process again if it was killed."""
        if self._process.poll() is not None:
            self._process = self._start()

    def finish(self) -> None:
        """Wait until all is written; for a moment only, since others may hold the pipe."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(FINISH_SECONDS)
        os.close(self._reading)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command, stdin=self._reading, stdout=subprocess.DEVNULL, start_new_session=True
        )
