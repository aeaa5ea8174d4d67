"""One supervised child process: started, stopped, and started again when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from synthcxr.embedded.logs import DEFAULT_LIMITS, LogLimits, LogWriter
from synthcxr.parent_death import die_with_parent

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STOP_SECONDS = 4.0
# Who lived this long died by accident, not by construction: it starts again after the first pause.
HEALTHY_AFTER_SECONDS = 20.0


@dataclass(frozen=True)
class Program:
    """A command to keep running.

    Attributes:
        name: What messages and the log file call it.
        command: Program and arguments.
        environment: Variables added to our own.
        longest_pause_seconds: How long it is left down at most when it dies again and again.
        stop_seconds: How long it may take to stop before it is killed.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    longest_pause_seconds: float = LONGEST_PAUSE_SECONDS
    stop_seconds: float = STOP_SECONDS


class Child:
    """A program that is kept running.

    The child leads a process group of its own, so that ctrl-C reaches only the supervisor and what
    a killed child leaves behind can be found.

    Args:
        program: What to run.
        log: File that gets its output.
        log_limits: How large it may become.
        dies_with_us: Whether it is killed when we die, however that happens (Linux).
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        program: Program,
        log: Path,
        log_limits: LogLimits = DEFAULT_LIMITS,
        *,
        dies_with_us: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.program = program
        self.log = log
        self._log_limits = log_limits
        self._log_writer: LogWriter | None = None
        self._dies_with_us = dies_with_us
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._num_quick_deaths = 0
        self._due_at = 0.0

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        return self._process.pid if self._process else None

    @property
    def is_due(self) -> bool:
        """Whether it is not running and its pause is over."""
        return self._process is None and self._clock() >= self._due_at

    def start(self) -> None:
        """Start the process.

        Raises:
            OSError: The system has no room for another; it is due again after a pause.
        """
        try:
            self._start()
        except OSError:
            self._plan_next_start()
            raise

    def _start(self) -> None:
        self._log_writer = LogWriter(self.log, self._log_limits)
        try:
            self._process = self._started(self._log_writer.output)
        except OSError:
            self._log_writer.close_output()
            self._finish_log()
            raise
        self._log_writer.close_output()
        self._started_at = self._clock()

    def _started(self, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.program.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.program.environment},
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid()) if self._dies_with_us else None,  # noqa: PLW1509 - the supervisor has one thread
        )

    def reap(self) -> str | None:
        """Notice a death, clear away what it left, and plan the next start.

        Returns:
            How it died, or None when it has not.
        """
        if self._process is None:
            return None
        if self._process.poll() is None:
            if self._log_writer:
                with contextlib.suppress(OSError):  # no room for a process: the next time, then
                    self._log_writer.keep_alive()
            return None
        how = describe_exit(self._process.returncode)
        self._kill_group()
        self._finish_log()
        self._process = None
        self._plan_next_start()
        return how

    def _plan_next_start(self) -> None:
        """Wait the longer, the more often it died soon or could not be started."""
        lived_seconds = self._clock() - self._started_at
        self._num_quick_deaths += 1
        if lived_seconds >= HEALTHY_AFTER_SECONDS:
            self._num_quick_deaths = 1
        pause = FIRST_PAUSE_SECONDS * 2.0 ** (self._num_quick_deaths - 1)
        self._due_at = self._clock() + min(pause, self.program.longest_pause_seconds)

    def ask_to_stop(self) -> None:
        """Send SIGTERM, if it runs."""
        if self._process and not self.has_ended:
            self._process.terminate()

    @property
    def has_ended(self) -> bool:
        """Whether nothing runs."""
        return self._process is None or self._process.poll() is not None

    def wait_or_kill(self, seconds: float) -> None:
        """Give it a last time to stop, then kill it and its group."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, seconds))
        self._kill_group()
        self._process.wait()
        self._finish_log()
        self._process = None

    def _finish_log(self) -> None:
        if self._log_writer:
            self._log_writer.finish()
            self._log_writer = None

    def _kill_group(self) -> None:
        assert self._process is not None  # noqa: S101 - our own invariant
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def describe_exit(return_code: int) -> str:
    """Say in words how a process ended.

    Args:
        return_code: As `subprocess` gives it: negative for a signal.
    """
    if return_code < 0:
        return f"was killed by {signal.Signals(-return_code).name}"
    return f"ended with exit code {return_code}"
