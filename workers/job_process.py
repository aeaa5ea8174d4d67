"""The process that runs a worker's jobs, and the worker's hold of it.

It is forked from a server that has imported everything and computed nothing: so the next process
is there in a moment, each job gets fresh memory, and CUDA, which cannot be used on both sides of a
fork, is first used in the process of the job.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import socket
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray

import structlog

from service.domain.errors import ArtifactsUnavailable, RecordsUnavailable
from service.settings import Settings
from synthcxr.parent_death import die_with_parent
from workers.runtime.sign_of_life import SIZE, SignOfLife

log = structlog.get_logger()

KILL_SECONDS = 5.0
POLL_SECONDS = 1.0  # between two looks for a waiting job; a notification only shortens it

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["workers.preloaded"])


class JobProcess:
    """A running process of jobs, as the worker that started it sees it.

    Attributes:
        name: Under which it claims jobs: host, worker, process.
        sign: Of its life.

    Args:
        worker: Name of the worker, unique on its host.
        queues: Those it takes jobs from.
        max_jobs: After so many it ends.

    Raises:
        OSError, EOFError: It cannot be started.
    """

    def __init__(self, worker: str, queues: Sequence[str], max_jobs: int) -> None:
        numbers = RawArray("d", SIZE)
        self.sign = SignOfLife(numbers)
        ours, theirs = _forks.Pipe()
        self._line = ours
        self._process = _forks.Process(
            target=_run_jobs, args=(worker, tuple(queues), max_jobs, numbers, theirs)
        )
        self._process.start()
        theirs.close()
        assert self._process.pid is not None
        self.name = _name(worker, self._process.pid)
        self._device: str | None = None

    @property
    def sentinel(self) -> int:
        """What becomes ready when it ends, for `multiprocessing.connection.wait`."""
        return self._process.sentinel

    @property
    def device(self) -> str | None:
        """The kind of device it computes on, once it has said so."""
        try:
            if self._device is None and self._line.poll():
                self._device = self._line.recv()
        except (EOFError, OSError):  # it has ended
            return None
        return self._device

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return not self._process.is_alive()

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = self._process.exitcode or 0
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with exit status {code}"

    @property
    def ended_well(self) -> bool:
        """Whether it ended of its own accord."""
        return self._process.exitcode == 0

    def notify(self) -> None:
        """Say that a job waits."""
        with contextlib.suppress(OSError, ValueError):  # it has just ended
            _, writable, _ = select.select([], [self._line], [], 0)
            if writable:  # who does not read is not waited for
                self._line.send(None)

    def ask_to_stop(self) -> None:
        """Have it stop at its next step."""
        self._process.terminate()

    def kill(self) -> None:
        """End it now, also where it was stopped by a signal."""
        self._process.kill()
        self._process.join(KILL_SECONDS)

    def close(self) -> None:
        """Let go of what belonged to an ended process."""
        self._line.close()
        with contextlib.suppress(ValueError):  # the kernel has not ended it yet, as a device hangs
            self._process.close()


def _name(worker: str, pid: int) -> str:
    return f"{socket.gethostname()}:{worker}:{pid}"


def _run_jobs(
    worker: str,
    queues: tuple[str, ...],
    max_jobs: int,
    numbers: Sequence[float],
    line: Connection,
) -> None:
    """Run jobs in this process until it is time to end."""
    from service import tracing
    from service.logs import configure_logs
    from workers import preloaded
    from workers.runtime.context import WorkerContext
    from workers.runtime.device import choose_device, prepare_torch
    from workers.runtime.stop_request import StopRequest

    die_with_parent(preloaded.FORK_SERVER)
    stop = StopRequest()
    stop.on_sigterm()
    settings = Settings()
    configure_logs(settings.log_level)
    tracing.start("worker")
    prepare_torch(settings.torch_threads)
    sign = SignOfLife(numbers)  # type: ignore[arg-type]  # an array of ctypes is one
    context = WorkerContext.of(settings, _name(worker, os.getpid()), sign, stop)
    line.send(choose_device().type)
    while max_jobs and not stop.made:
        sign.step()
        try:
            ran = preloaded.runner.run_next(queues, context)
        except RecordsUnavailable:
            log.warning("records unavailable")
            ran = False
        except ArtifactsUnavailable as error:
            log.warning("artifacts unavailable", reason=str(error))
            ran = False
        max_jobs -= ran
        if not ran and not _wait(line):
            return


def _wait(line: Connection) -> bool:
    """Wait for a notification, or for a while; return whether the worker is still there."""
    try:
        if line.poll(POLL_SECONDS):
            while line.poll():
                line.recv()
    except (EOFError, OSError):
        return False
    return True
