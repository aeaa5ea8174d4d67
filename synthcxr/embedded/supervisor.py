"""The embedded service: broker, API, workers and scheduler under one process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from synthcxr.addresses import is_loopback
from synthcxr.embedded.broker import BROKER, choose_broker, start_broker
from synthcxr.embedded.lock import DataDirLock
from synthcxr.embedded.logs import DEFAULT_LIMITS, LogLimits, LogWriter
from synthcxr.embedded.processes import Child, Program
from synthcxr.errors import CannotStart
from synthcxr.server_packages import command_of, require_server
from synthcxr.tokens import TOKEN_FILE, announce, withdraw

TICK_SECONDS = 0.1
# A worker stops at the next step of its job, writes a checkpoint and hands the job back. It takes
# 15 s at most (SYNTHCXR_STOP_SECONDS) and is killed after that.
WORKER_STOP_SECONDS = 20.0
PRIVATE = 0o077  # umask: what is written is for this user alone
NO_PERMISSION = 77  # how a process ends that refuses a data directory which others can read

TRAINING = "gpu.train"
TRANSFERS = "cpu.ingest,cpu.push"  # a worker of its own: an upload must not stop a training
# a worker of its own, which keeps the last models loaded
GENERATION = "gpu.generate,gpu.score,gpu.prepare,gpu.preview"


@dataclass(frozen=True)
class Options:
    """How to run the embedded service.

    Attributes:
        data_dir: Where everything it keeps lies.
        host: Address the API listens on.
        port: Port the API listens on.
        num_workers: How many trainings run at once, beside an ingest and a generation.
        dataset_roots: Folders that clients may name to be ingested.
        scopes: What the service's token allows besides its work.
        auth: Whether callers must show a key; without, the host must be a loopback address.
        log_limits: How large the logs may become.
    """

    data_dir: Path
    host: str
    port: int
    num_workers: int
    dataset_roots: tuple[Path, ...] = ()
    scopes: tuple[str, ...] = ()
    auth: bool = True
    log_limits: LogLimits = DEFAULT_LIMITS

    @property
    def url(self) -> str:
        """Where a client on this machine finds the API."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return self.url_of(host)

    def url_of(self, host: str) -> str:
        """Return the address of the API on a host."""
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def environment(self, broker_url: str) -> dict[str, str]:
        """Return the settings that the service's processes share."""
        environment = {
            "SYNTHCXR_DATA_DIR": str(self.data_dir),
            "SYNTHCXR_BROKER_URL": broker_url,
            "SYNTHCXR_HOST": self.host,
            "SYNTHCXR_PORT": str(self.port),
            "SYNTHCXR_AUTH": "keys" if self.auth else "none",
        }
        if self.dataset_roots:
            environment["SYNTHCXR_DATASET_ROOTS"] = os.pathsep.join(map(str, self.dataset_roots))
        if self.scopes:
            environment["SYNTHCXR_SCOPES"] = ",".join(self.scopes)
        return environment


def service_programs(options: Options, environment: dict[str, str]) -> list[Program]:
    """List the service's processes, in no particular order: none waits for another."""
    address = ("--host", options.host, "--port", str(options.port))
    workers = {f"worker-{number}": TRAINING for number in range(1, options.num_workers + 1)}
    workers |= {"worker-ingest": TRANSFERS, "worker-generate": GENERATION}
    return [
        Program("api", command_of("service", "api", *address), environment),
        *(
            Program(
                name,
                command_of("workers", "worker", "--name", name, "--queues", queues),
                environment,
                stop_seconds=WORKER_STOP_SECONDS,
            )
            for name, queues in workers.items()
        ),
        Program("scheduler", command_of("workers", "scheduler"), environment),
    ]


class Supervisor:
    """Keep programs running until asked to stop.

    Args:
        log_dir: Folder that gets one log file per program.
        say: Called with one line for every event that a person should know.
        log_limits: How large each log may become.
    """

    def __init__(
        self,
        log_dir: Path,
        say: Callable[[str], None],
        log_limits: LogLimits = DEFAULT_LIMITS,
    ) -> None:
        self._log_dir = log_dir
        self._log_limits = log_limits
        self._say = say
        self._stopping = False
        self._hurry = False
        self.children: list[Child] = []

    def add(self, program: Program) -> Child:
        """Start a program and keep it running from now on."""
        child = Child(program, self._log_dir / f"{program.name}.log", self._log_limits)
        child.start()
        self.children.append(child)
        return child

    def run(self, each_tick: Callable[[], None] = lambda: None) -> None:
        """Restart what dies until `stop` is called."""
        while not self._stopping:
            time.sleep(TICK_SECONDS)
            for child in self.children:
                if how := child.reap():
                    self._say(f"{child.program.name} {how}; starting it again (log: {child.log})")
                elif child.is_due:
                    self._start(child)
            each_tick()

    def _start(self, child: Child) -> None:
        """Start a program again; one that cannot be started now is no reason to end the others."""
        try:
            child.start()
        except OSError as error:
            self._say(f"{child.program.name} cannot be started ({error.strerror}); trying again")

    def stop(self) -> None:
        """Make `run` return soon; a second call makes `shut_down` kill. A signal handler."""
        self._hurry = self._stopping
        self._stopping = True

    def shut_down(self) -> None:
        """Stop all children, each in its time; the broker, which the others need, last."""
        brokers = [child for child in self.children if child.program.name == BROKER]
        others = [child for child in self.children if child.program.name != BROKER]
        for group in (others, brokers):
            for child in group:
                child.ask_to_stop()
            asked_at = time.monotonic()
            while waiting := [child for child in group if not child.has_ended]:
                for child in waiting:
                    if self._hurry or time.monotonic() - asked_at >= child.program.stop_seconds:
                        child.wait_or_kill(0)
                time.sleep(0.02)
            for child in group:  # what an ended one left behind
                child.wait_or_kill(0)
        self.children = []


def up(options: Options, say: Callable[[str], None]) -> None:
    """Run the embedded service until SIGINT or SIGTERM; a second one stops it without waiting.

    Args:
        options: Where and how.
        say: Prints one line.

    Raises:
        CannotStart: The data directory is open to others, it or the port is in use, there is no
            broker, or the database could not be prepared.
        ServerMissing: The server's packages are not installed.
    """
    require_server("`synthcxr up`", "celery", "service", "uvicorn", "workers")
    os.umask(PRIVATE)  # of the children too
    log_dir = options.data_dir / "logs"
    log_dir.mkdir(parents=True, exist_ok=True)
    lock = DataDirLock(options.data_dir, options.url)
    supervisor = Supervisor(log_dir, say, options.log_limits)
    with _stopped_by_signals(supervisor):
        try:
            check_auth(options)
            check_port(options.host, options.port)
            broker = choose_broker(options.data_dir, os.environ)
            start_broker(broker, supervisor.add)
            environment = options.environment(broker.url)
            _prepare("migrate", environment, log_dir, options.log_limits)
            if options.auth:
                _prepare("keep-token", environment, log_dir, options.log_limits)
                announce(options.url, options.data_dir)
            for program in service_programs(options, environment):
                supervisor.add(program)
            supervisor.run(_Greeting(options, say))
            say("stopping")
        finally:
            supervisor.shut_down()
            withdraw(options.url, options.data_dir)
            lock.release()


def check_port(host: str, port: int) -> None:
    """Check that a port is free.

    Raises:
        CannotStart: It is taken, or the host is not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"Cannot listen on {host} port {port}: {error.strerror}. "
                f"Choose another port, for example --port {port + 1}."
            ) from error


def check_auth(options: Options) -> None:
    """Check that a service without keys is for this machine alone.

    Raises:
        CannotStart: It would listen on a network.
    """
    if not options.auth and not is_loopback(options.url_of(options.host)):
        raise CannotStart(
            f"Without keys (--no-auth, SYNTHCXR_AUTH=none) the service listens on a loopback "
            f"address only, and {options.host} is none: leave --no-auth out, or --host."
        )


def _prepare(step: str, environment: dict[str, str], log_dir: Path, limits: LogLimits) -> None:
    """Run a step that must be done before the service starts."""
    log = log_dir / f"{step}.log"
    writer = LogWriter(log, limits)
    code = subprocess.run(
        command_of("service", step),
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=writer.output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        check=False,
    ).returncode
    writer.close_output()
    writer.finish()
    last_lines = log.read_text(errors="replace").splitlines()[-2:]
    if code == NO_PERMISSION:
        raise CannotStart(last_lines[-1])
    if code:
        raise CannotStart(
            f"The database could not be prepared (see {log}): {' / '.join(last_lines)}"
        )


@contextmanager
def _stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    def stop(*_: object) -> None:
        supervisor.stop()

    earlier = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


class _Greeting:
    """Say once, as soon as the API answers, where it is."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self._options = options
        self._say = say
        self._http = httpx.Client(timeout=0.5, trust_env=False)
        self._said = False

    def __call__(self) -> None:
        if self._said:
            return
        try:
            self._http.get(f"{self._options.url}/healthz").raise_for_status()
        except httpx.HTTPError:
            return
        self._said = True
        self._http.close()
        self._say(f"SynthCXR answers at {self._options.url} (data: {self._options.data_dir})")
        key = f", where the key in {self._options.data_dir / TOKEN_FILE} signs in"
        self._say(f"Console: {self._options.url}/console{key if self._options.auth else ''}")
        if not self._options.auth:
            self._say(
                "Keys are off (--no-auth): every user and program of this machine can use it, and "
                "read and delete what it keeps."
            )
