"""The whole service as a user starts it: `synthcxr up`, with real workers."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import httpx
import pytest

from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.settings import Settings
from synthcxr.client import Client

START_SECONDS = 120  # of everything, on a machine that does much else
# short leases, so that a test need not wait long for a dead worker to be noticed
QUICK = {
    "SYNTHCXR_LEASE_SECONDS": "4",
    "SYNTHCXR_CHECKPOINT_INTERVAL_SECONDS": "0.5",
    "SYNTHCXR_SCHEDULER_INTERVAL_SECONDS": "0.3",
    # every run computes alike, whatever the number of workers
    "SYNTHCXR_TORCH_THREADS": "1",
    # a set prepares for itself, where one is made
    "SYNTHCXR_PREPARE_AFTER_TRAINING": "false",
}


class RunningService:
    """A service under test.

    Attributes:
        url: Where its API answers.
        client: Speaks to it over HTTP.
        data_dir: Where it keeps everything.
        records: Its database, to see what HTTP does not show.
    """

    def __init__(self, url, client, data_dir, engine):
        self.url = url
        self.client = client
        self.data_dir = data_dir
        self.records = sql_records(engine, SystemClock())

    def worker_pid(self, job_id):
        """Process that holds a running job; waits until there is one."""
        return int(self.wait_for(job_id, lambda job: job.worker).rpartition(":")[2])

    def suspend(self, pid):
        """Stop a process where it does not hold the lock of the database, or nobody could go on."""
        os.kill(pid, signal.SIGSTOP)
        while self._database_is_locked():
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.1)
            os.kill(pid, signal.SIGSTOP)

    def _database_is_locked(self):
        with closing(sqlite3.connect(self.data_dir / "synthcxr.db", timeout=2)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            connection.rollback()
        return False

    def wait_for(self, job_id, look, timeout_seconds=120):
        deadline = time.monotonic() + timeout_seconds
        while not (seen := look(self.records.jobs.job(job_id))):
            assert time.monotonic() < deadline, self.records.jobs.job(job_id)
            assert not self.records.jobs.job(job_id).state.done, self.records.jobs.job(job_id)
            time.sleep(0.05)
        return seen

    def finished(self, job):
        ended = self.client.jobs.wait(job.id)
        ended.raise_unless_succeeded()
        return ended

    def phantoms(self, **class_counts):
        job = self.client.datasets.add_phantoms(class_counts, size=64, image_size=64)
        return self.finished(job).dataset_id

    def trained(self, dataset_id, family="vae", images=640):
        return self.finished(self.start_training(dataset_id, family, images)).model_id

    def start_training(self, dataset_id, family="vae", images=64):
        return self.client.train(
            dataset_id,
            family=family,
            image_size=64,
            preset="tiny",
            budget={"images": images},
            seed=1,
        )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def start_service():
    """Start a service in a folder; stop it at the end of the block."""

    @contextmanager
    def started(data_dir, workers=1, **environment):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SYNTHCXR_")}
        (data_dir / "keys").mkdir(exist_ok=True)
        (data_dir / "keys" / "split.key").write_bytes(b"k" * 32)  # so that every run splits alike
        command = [sys.executable, "-m", "synthcxr", "up", "--data-dir", str(data_dir)]
        command += ["--port", str(port), "--workers", str(workers)]
        command += ["--scope", "private:read"]  # no set of so few patients can be released
        log = data_dir / "up.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env={
                    **inherited,
                    **QUICK,
                    "XDG_STATE_HOME": str(data_dir / "state"),
                    **environment,
                },
                stdout=output,
                stderr=output,
            )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _healthy(url):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            database = environment.get("SYNTHCXR_DATABASE_URL")
            settings = Settings(data_dir=data_dir, database_url=database)
            engine = open_engine(settings.resolved_database_url)
            token = (data_dir / "token").read_text().strip()
            with Client(url, token=token) as client:
                yield RunningService(url, client, data_dir, engine)
            engine.dispose()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)

    return started


def _healthy(url):
    try:
        return httpx.get(f"{url}/healthz", timeout=1, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def service(start_service, tmp_path_factory):
    with start_service(tmp_path_factory.mktemp("data")) as running:
        yield running
