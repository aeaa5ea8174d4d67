"""The process that runs a worker's jobs, and the worker's hold of it.

It is forked from a server that has imported what its jobs need, and has computed nothing: so the
next process is there in a moment, each job gets fresh memory, and CUDA, which cannot be used on
both sides of a fork, is first used in the process of the job.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray

import structlog

from service.domain.errors import ArtifactsUnavailable, RecordsUnavailable
from service.domain.job import JobKind
from service.settings import Settings
from synthcxr.parent_death import die_with_parent
from workers.runtime.sign_of_life import SIZE, SignOfLife

log = structlog.get_logger()

KILL_SECONDS = 5.0
START_SECONDS = 300.0  # all imports included, on a slow disk; and as long again to its first look
POLL_SECONDS = 1.0  # between two looks for a waiting job; a notification only shortens it

_forks = multiprocessing.get_context("forkserver")


class JobProcess:
    """A running process of jobs, as the worker that started it sees it.

    Attributes:
        name: Under which it claims jobs: host, worker with a random part, process id.
        sign: Of its life.

    Args:
        worker: Name of the worker, unique on its host.
        queues: Those it takes jobs from.
        max_jobs: After so many it ends.

    Raises:
        OSError, EOFError: It cannot be started, or not in time.
    """

    def __init__(self, worker: str, queues: Sequence[str], max_jobs: int) -> None:
        numbers = RawArray("d", SIZE)
        # a process id returns, after a container's restart at once: the name of a process does not
        worker = f"{worker}-{secrets.token_hex(4)}"
        _forks.set_forkserver_preload(["workers.preloaded", *_modules_of(queues)])
        ours, theirs = _forks.Pipe()
        self._line = ours
        self._process = _forks.Process(
            target=_run_jobs, args=(worker, tuple(queues), max_jobs, numbers, theirs)
        )
        with _at_most(START_SECONDS):
            self._process.start()
        self.sign = SignOfLife(numbers)  # from now on: the imports before it took their time
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


def _modules_of(queues: Sequence[str]) -> list[str]:
    """Name what the jobs of some queues need."""
    return [f"workers.{kind}.job" for kind in JobKind if kind.queue in queues]


def end_fork_server() -> None:
    """Have the next process come from a new server: this one hangs, or could not import all."""
    pid: int | None = vars(forkserver._forkserver)["_forkserver_pid"]  # noqa: SLF001 - no other way
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + KILL_SECONDS
        while time.monotonic() < until and not _has_died(pid):  # or the next start still asks it
            time.sleep(0.01)


def _has_died(pid: int) -> bool:
    """Say whether a child is dead; it stays for whoever waits for it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError when a block takes longer, whatever it waits for; main thread alone."""

    def interrupt(*_: object) -> None:
        raise TimeoutError(f"no process of jobs came within {seconds:.0f} seconds")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


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
    from workers.runtime.device import choose_device, prepare_gpus, prepare_torch
    from workers.runtime.stop_request import StopRequest

    die_with_parent(preloaded.FORK_SERVER)
    stop = StopRequest()
    stop.on_sigterm()
    settings = Settings()
    configure_logs(settings.log_level)
    tracing.start("worker")
    prepare_torch(settings.torch_threads)
    prepare_gpus(queues, settings.gpu_memory_share)
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
