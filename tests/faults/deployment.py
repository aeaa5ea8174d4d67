"""The service's processes, each of which can be killed, stopped and left down on its own."""

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import psutil

from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.errors import RecordsUnavailable
from service.domain.record_ports import Records
from service.settings import Settings
from synthcxr.embedded.broker import BROKER, choose_broker, prepare_socket
from synthcxr.embedded.processes import Child, Program
from synthcxr.embedded.supervisor import Options, _prepare, service_programs

TICK_SECONDS = 0.05
START_SECONDS = 120  # of everything, on a machine that does much else
LEASE_SECONDS = 4
QUICK = {
    "SYNTHCXR_LEASE_SECONDS": str(LEASE_SECONDS),
    "SYNTHCXR_CHECKPOINT_INTERVAL_SECONDS": "0.5",
    "SYNTHCXR_SCHEDULER_INTERVAL_SECONDS": "0.3",
    "SYNTHCXR_TORCH_THREADS": "1",
    "SYNTHCXR_PREPARE_AFTER_TRAINING": "false",
    "SYNTHCXR_MAX_REQUESTS_PER_MINUTE": "0",
    # A job must not fail however often its process is killed: every job that fails is a finding.
    "SYNTHCXR_MAX_ATTEMPTS_WITHOUT_CHECKPOINT": "1000",
}


class Deployment:
    """What `synthcxr up` or containers run, with nobody but a test to start it again.

    Attributes:
        url: Where the API answers.
        data_dir: Where the service keeps everything.
        children: The programs by name, such as `api`, `broker`, `worker-1`.
        down: Names of those that are not to be started again for now.
        records: The database, read beside the API.
        http: Sends requests with the service's token; never twice.
    """

    def __init__(
        self,
        data_dir: Path,
        workers: Mapping[str, str],
        environment: Mapping[str, str],
        *,
        of_program: Mapping[str, Mapping[str, str]],
        worker_module: str,
        seen_at: str | None,
    ) -> None:
        self.data_dir = data_dir
        self._workers = workers
        self._environment = {**QUICK, **environment}
        self._of_program = of_program
        self._worker_module = worker_module
        self._seen_at = seen_at
        self.children: dict[str, Child] = {}
        self.down: set[str] = set()

    def start(self) -> None:
        """Prepare the data directory, start everything and wait for the API."""
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        logs = self.data_dir / "logs"
        logs.mkdir(exist_ok=True)
        options = Options(self.data_dir, "127.0.0.1", _free_port(), 1, scopes=("private:read",))
        self.url = options.url
        broker = choose_broker(self.data_dir, self._environment)
        self.broker_url = broker.url
        settings = {**self._environment, **options.environment(broker.url)}
        for step in ("migrate", "keep-token"):
            _prepare(step, settings, logs, options.log_limits)
        url = self._seen_at or settings.get("SYNTHCXR_DATABASE_URL")
        seen = Settings(data_dir=self.data_dir, database_url=url).resolved_database_url
        self.records: Records = sql_records(open_engine(seen), SystemClock())
        programs = [
            replace(program, environment={**program.environment, **self._of_program.get(name, {})})
            for program in self._programs(service_programs(options, settings))
            for name in [program.name]
        ]
        if broker.program and broker.socket:
            prepare_socket(broker.socket)
            programs.append(broker.program)
        self.children = {each.name: Child(each, logs / f"{each.name}.log") for each in programs}
        token = (self.data_dir / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)
        self.wait_until(self.is_healthy, START_SECONDS)

    def _programs(self, usual: Sequence[Program]) -> Iterator[Program]:
        """Those of an embedded service, with our own workers."""
        yield from (each for each in usual if each.name in {"api", "scheduler"})
        [pattern] = [each for each in usual if each.name == "worker-1"]
        python = pattern.command[: pattern.command.index("workers")]
        for name, queues in self._workers.items():
            command = (*python, self._worker_module, "worker", "--name", name, "--queues", queues)
            yield Program(name, command, pattern.environment)

    def tick(self) -> None:
        """Start again what has ended, unless it is to stay down."""
        for name, child in self.children.items():
            child.reap()
            if child.pid is None and name not in self.down:
                child.start()

    def wait_until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        """Keep everything running until something holds."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(RecordsUnavailable):
                if found := condition():
                    return found
            assert time.monotonic() < deadline, self.last_lines()
            self.tick()
            time.sleep(TICK_SECONDS)

    def is_healthy(self) -> bool:
        """Whether the API answers."""
        with suppress(httpx.TransportError):
            return self.http.get("/healthz").status_code == 200
        return False

    def serves(self, queue: str) -> bool:
        """Whether any worker runs jobs of a queue."""
        return any(queue in queues.split(",") for queues in self._workers.values())

    def degraded(self) -> set[str]:
        """Return what `/readyz` names as amiss."""
        answer = self.http.get("/readyz")
        if answer.status_code != 200:
            return {"not ready"}
        return {each["code"] for each in answer.json()["degraded"]}

    def process(self, name: str) -> psutil.Process:
        """Return the running process of a program."""
        pid = self.children[name].pid
        assert pid is not None, name
        return psutil.Process(pid)

    def kill(self, name: str) -> None:
        """End a program as a crash does; what it has started is ended when that is noticed."""
        with suppress(ProcessLookupError):
            os.kill(self.process(name).pid, signal.SIGKILL)

    def kill_with_all_it_started(self, name: str) -> None:
        """End a program and its descendants at once, as the end of its machine does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process(name).pid, signal.SIGKILL)

    def suspend(self, *processes: psutil.Process) -> None:
        """Stop processes (SIGSTOP) where none holds SQLite's lock, or nobody could go on."""
        while True:
            for process in processes:
                with suppress(psutil.Error):
                    process.suspend()
            if self._can_be_written():
                return
            resume(*processes)
            time.sleep(TICK_SECONDS)

    def _can_be_written(self) -> bool:
        database = self.data_dir / "synthcxr.db"
        if not database.exists():  # PostgreSQL ends the transaction of a client that stopped
            return True
        connection = sqlite3.connect(database, timeout=1.0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return True

    def processes_of_jobs(self) -> list[psutil.Process]:
        """Return the processes of all workers that run jobs, or wait for one."""
        found = []
        for name in self._workers:
            with suppress(psutil.Error, AssertionError):
                servers = self.process(name).children()
                found += [each for server in servers for each in server.children()]
        return found

    def last_lines(self) -> str:
        """Return the end of each log, to see why something does not come about."""
        logs = sorted((self.data_dir / "logs").glob("*.log"))
        return "\n".join(f"{each.name}: {each.read_text()[-500:]}" for each in logs)

    def stop(self) -> None:
        """Stop everything, the broker last."""
        for child in self.children.values():
            child.ask_to_stop()
        for name in sorted(self.children, key=lambda name: name == BROKER):
            self.children[name].wait_or_kill(30)
        self.http.close()
        self.records.database.close()


def resume(*processes: psutil.Process) -> None:
    """Let stopped processes go on."""
    for process in processes:
        with suppress(psutil.Error):
            process.resume()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def deployed(
    data_dir: Path,
    workers: Mapping[str, str],
    *,
    of_program: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    worker_module: str = "workers",
    seen_at: str | None = None,
    **environment: str,
) -> Iterator[Deployment]:
    """Run a service until the end of the block.

    Args:
        data_dir: Where it keeps everything.
        workers: The queues of each worker, by its name.
        of_program: Variables of single programs, by name.
        worker_module: What workers run, as in `python -m workers`.
        seen_at: Where the test sees the database, if not where the service does.
        environment: Variables of all processes.
    """
    deployment = Deployment(
        data_dir,
        workers,
        environment,
        of_program=of_program,
        worker_module=worker_module,
        seen_at=seen_at,
    )
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()
